using System.CommandLine;
using Engine.Host.Benchmarks;
using Engine.Kernels.Devices.Cuda;

namespace Engine.Host.Commands.Bench;

/// <summary>The kernels of a dream on a GPU; dreams are <c>bench dream --device</c>.</summary>
public sealed class BenchCudaVerb : Verb
{
    private readonly Option<string> _size = new("--size") { Description = $"Whose kernels: {BenchOptions.SizeNames}.", DefaultValueFactory = _ => "original-10" };
    private readonly Option<int[]> _environments = BenchOptions.Environments();
    private readonly Option<string> _device = new("--device") { Description = "cuda, or cuda:1 … for another GPU than the first.", DefaultValueFactory = _ => "cuda", HelpName = "name" };

    public override string Name => "bench cuda";

    public override string Summary => "Time the kernels of a dream on a GPU, beside cuBLASLt where it is installed.";

    public override IReadOnlyList<string> Examples => ["bench cuda", "bench cuda --size medium --environments 1 16 256 --device cuda:1"];

    public override void Configure(Command command)
    {
        _size.AcceptOnlyFromAmong([.. BenchOptions.Sizes.Keys]);
        foreach (Option option in new Option[] { _size, _environments, _device }) command.Add(option);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        int[] environments = BenchOptions.Positive(arguments, _environments);
        string name = arguments.GetValue(_device)!;
        if (name == DeviceOption.Processor) throw new UsageException("--device is cpu; the processor's kernels are timed by bench kernels");
        using CudaContext device = DeviceOption.Open(name)!;
        var config = BenchOptions.Sizes[arguments.GetValue(_size)!];
        context.Progress.Note($"timing on {device.Device.Name}");
        await Task.Run(() => new CudaKernelFigures(device, config, thorough: name != "emulated", context.Out).Run(environments, cancellation), cancellation).WaitAsync(cancellation);
        return 0;
    }
}
