using System.CommandLine;
using Engine.Host.Benchmarks;
using Engine.Kernels.Ops.Gemm;

namespace Engine.Host.Commands.Bench;

/// <summary>Tables of what dreams of named sizes cost, on the processor or on a GPU, beside the original where it is given.</summary>
public sealed class BenchDreamVerb : Verb
{
    private readonly Option<string[]> _size = new("--size") { Description = $"Sizes: {BenchOptions.SizeNames}.", DefaultValueFactory = _ => ["small"], AllowMultipleArgumentsPerToken = true };
    private readonly Option<string> _device = DeviceOption.Create("Where to dream");
    private readonly Option<GemmPrecision?> _precision = PrecisionOption.Create("On a GPU");
    private readonly Option<int[]> _environments = BenchOptions.Environments();
    private readonly Option<int> _pairs = BenchOptions.Pairs();
    private readonly Option<string?> _upstream = BenchOptions.Upstream();
    private readonly Option<string> _python = BenchOptions.Python();

    public override string Name => "bench dream";

    public override string Summary => "Time dreams: batches, threads, allocations, GPUs; beside the original's own code.";

    public override IReadOnlyList<string> Examples =>
    [
        "bench dream", "bench dream --size medium large --upstream ~/world-model-eval", "bench dream --device cuda --size original-10 --environments 1 32 --upstream ~/world-model-eval",
    ];

    public override void Configure(Command command)
    {
        _size.AcceptOnlyFromAmong([.. BenchOptions.Sizes.Keys]);
        foreach (Option option in new Option[] { _size, _device, _precision, _environments, _pairs, _upstream, _python }) command.Add(option);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        int pairs = BenchOptions.Positive(arguments, _pairs);
        int[] environments = BenchOptions.Positive(arguments, _environments);
        string? checkout = arguments.GetValue(_upstream);
        string python = arguments.GetValue(_python)!, name = arguments.GetValue(_device)!;
        if (name == DeviceOption.Processor && arguments.GetValue(_precision) is not null) throw new UsageException("--precision is of --device here; on the processor every precision that it has is timed");
        using var device = DeviceOption.Open(name);
        foreach (string size in arguments.GetValue(_size)!)
        {
            var config = BenchOptions.Sizes[size];
            string title = BenchOptions.Title(size);
            if (checkout is not null && (config.PreviousFrameInput || config.PredictChange))
                throw new UsageException($"--size {size} has inputs that the original does not know; compare with --size medium, large or original");
            context.Progress.Note($"timing dream, {size}");
            await Task.Run(
                () =>
                {
                    if (device is not null)
                    {
                        Func<DreamComparison, UpstreamDream>? upstream = checkout is null ? null : comparison => comparison.Start(checkout, python, DeviceOption.TorchName(name));
                        DeviceDreamTable.Write(title, config, device, PrecisionOption.Of(arguments, _precision, onDevice: true), environments, upstream, pairs, context.Out, cancellation);
                        return;
                    }

                    if (checkout is not null) DreamTable.Write(title, config, checkout, python, pairs, context.Out, cancellation);
                    DreamFigures.Run(title, config, pairs, context.Out, cancellation);
                },
                cancellation).WaitAsync(cancellation);
        }

        return 0;
    }
}
