using System.CommandLine;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Commands.Bench;

/// <summary>Options that several benchmarks have.</summary>
internal static class BenchOptions
{
    /// <summary>Sizes of models by name.</summary>
    public static IReadOnlyDictionary<string, WorldModelConfig> Sizes { get; } = new Dictionary<string, WorldModelConfig>
    {
        // For the emulated GPU: everything is tried, nothing is measured.
        ["tiny"] = WorldModelBenchmark.Small with { NumLayers = 1, Dim = 64, LatentHeight = 4, LatentWidth = 4 },
        ["small"] = WorldModelBenchmark.Small,
        ["medium"] = WorldModelBenchmark.Medium,
        ["large"] = WorldModelBenchmark.Large,
        ["original"] = WorldModelBenchmark.Original,
        ["original-10"] = WorldModelBenchmark.Original with { MaxFrames = 10 },
    };

    public const string SizeNames = "tiny, small, medium, large, original or original-10 (the latter two need 8 GB; original-10 sees 10 frames in place of 20)";

    public static Option<int[]> Environments() => new("--environments") { Description = "Dreams at once on a GPU; a line for each.", DefaultValueFactory = _ => [1, 32], AllowMultipleArgumentsPerToken = true };

    /// <summary>What a dream of a size is called in a table.</summary>
    public static string Title(string size)
    {
        var config = Sizes[size];
        return $"dream, {size}: dim {config.Dim} × {config.NumLayers} layers × {config.NumHeads} heads, latents {config.LatentHeight}×{config.LatentWidth}×{config.InChannels}, window {config.MaxFrames}, S {config.SamplingSteps}";
    }

    public static Option<int> Pairs(int pairs = 9) => new("--pairs") { Description = "Pairs of measurements, taken in turns.", DefaultValueFactory = _ => pairs, HelpName = "number" };

    public static Option<double> Seconds() => new("--seconds") { Description = "Time for each measurement.", DefaultValueFactory = _ => 2, HelpName = "number" };

    public static Option<string?> Upstream() => new("--upstream") { Description = "A checkout of world-model-eval, whose own code is timed beside this one's.", HelpName = "folder" };

    public static Option<string> Python() => new("--python") { Description = "The interpreter for it, with torch and numpy.", DefaultValueFactory = _ => "python3", HelpName = "program" };

    public static int[] Positive(ParseResult arguments, Option<int[]> option)
    {
        int[] values = arguments.GetValue(option)!;
        return values.All(value => value > 0) ? values : throw new UsageException($"{option.Name} must be positive");
    }

    public static int Positive(ParseResult arguments, Option<int> option)
    {
        int value = arguments.GetValue(option);
        return value > 0 ? value : throw new UsageException($"{option.Name} must be positive, it is {value}");
    }

    public static double Positive(ParseResult arguments, Option<double> option)
    {
        double value = arguments.GetValue(option);
        return value > 0 ? value : throw new UsageException($"{option.Name} must be positive, it is {value}");
    }
}
