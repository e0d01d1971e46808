using System.CommandLine;

namespace Engine.Host.Commands.Bench;

/// <summary>Options that several benchmarks have.</summary>
internal static class BenchOptions
{
    public static Option<int> Pairs(int pairs = 9) => new("--pairs") { Description = "Pairs of measurements, taken in turns.", DefaultValueFactory = _ => pairs, HelpName = "number" };

    public static Option<double> Seconds() => new("--seconds") { Description = "Time for each measurement.", DefaultValueFactory = _ => 2, HelpName = "number" };

    public static Option<string?> Upstream() => new("--upstream") { Description = "A checkout of world-model-eval, whose own code is timed beside this one's.", HelpName = "folder" };

    public static Option<string> Python() => new("--python") { Description = "The interpreter for it, with torch and numpy.", DefaultValueFactory = _ => "python3", HelpName = "program" };

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
