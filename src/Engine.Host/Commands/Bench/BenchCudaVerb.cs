using System.CommandLine;
using Engine.Host.Benchmarks;
using Engine.Kernels.Devices.Cuda;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Commands.Bench;

/// <summary>Kernels and dreams on a GPU.</summary>
public sealed class BenchCudaVerb : Verb
{
    private static readonly Dictionary<string, WorldModelConfig> s_sizes = new()
    {
        // For the emulated device: everything is tried, nothing is measured.
        ["tiny"] = WorldModelBenchmark.Small with { NumLayers = 1, Dim = 64, LatentHeight = 4, LatentWidth = 4 },
        ["small"] = WorldModelBenchmark.Small,
        ["medium"] = WorldModelBenchmark.Medium,
        ["large"] = WorldModelBenchmark.Large,
        ["original"] = WorldModelBenchmark.Original with { MaxFrames = 10 },
    };

    private readonly Option<string> _size = new("--size") { Description = "tiny, small, medium, large or original (at a window of 10; needs 8 GB on the host).", DefaultValueFactory = _ => "original" };
    private readonly Option<int[]> _environments = new("--environments") { Description = "Dreams at once.", DefaultValueFactory = _ => [1, 32], AllowMultipleArgumentsPerToken = true };
    private readonly Option<string> _device = new("--device") { Description = "cuda, or cuda:1 … for another GPU than the first.", DefaultValueFactory = _ => "cuda", HelpName = "name" };

    public override string Name => "bench cuda";

    public override string Summary => "Time kernels and dreams on a GPU, beside cuBLASLt where it is installed.";

    public override IReadOnlyList<string> Examples => ["bench cuda", "bench cuda --size medium --environments 1 16 256 --device cuda:1"];

    public override void Configure(Command command)
    {
        _size.AcceptOnlyFromAmong([.. s_sizes.Keys]);
        foreach (Option option in new Option[] { _size, _environments, _device }) command.Add(option);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        int[] environments = arguments.GetValue(_environments)!;
        if (environments.Any(count => count < 1)) throw new UsageException("--environments must be positive");
        string name = arguments.GetValue(_device)!;
        if (name == DeviceOption.Processor) throw new UsageException("--device is cpu; the processor's benchmarks are bench kernels and bench dream");
        using CudaContext device = DeviceOption.Open(name)!;
        var config = s_sizes[arguments.GetValue(_size)!];
        bool thorough = name != "emulated";
        context.Progress.Note($"timing on {device.Device.Name}");
        await Task.Run(
            () =>
            {
                new CudaKernelFigures(device, config, thorough, context.Out).Run(environments, cancellation);
                CudaDreamFigures.Run(device, config, environments, thorough, context.Out, cancellation);
            },
            cancellation).WaitAsync(cancellation);
        return 0;
    }
}
