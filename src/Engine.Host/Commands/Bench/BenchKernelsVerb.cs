using System.CommandLine;
using Engine.Host.Benchmarks;

namespace Engine.Host.Commands.Bench;

/// <summary>Kernels beside the machine's peak and libtorch.</summary>
public sealed class BenchKernelsVerb : Verb
{
    private readonly Option<int> _pairs = BenchOptions.Pairs();

    public override string Name => "bench kernels";

    public override string Summary => "Time kernels: shares of the machine's peak, and against libtorch.";

    public override IReadOnlyList<string> Examples => ["bench kernels --pairs 15"];

    public override void Configure(Command command) => command.Add(_pairs);

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        int pairs = BenchOptions.Positive(arguments, _pairs);
        context.Progress.Note("timing kernels");
        await Task.Run(() => KernelFigures.Run(pairs, context.Out, cancellation), cancellation).WaitAsync(cancellation);
        return 0;
    }
}
