using System.CommandLine;
using Engine.Host.Benchmarks;

namespace Engine.Host.Commands.Bench;

/// <summary>The autoencoder beside ONNX Runtime and libtorch.</summary>
public sealed class BenchAutoencoderVerb : Verb
{
    private readonly Option<int> _pairs = BenchOptions.Pairs();

    public override string Name => "bench autoencoder";

    public override string Summary => "Time encoding and decoding of images beside ONNX Runtime and libtorch.";

    public override IReadOnlyList<string> Examples => ["bench autoencoder --pairs 15"];

    public override void Configure(Command command) => command.Add(_pairs);

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        int pairs = BenchOptions.Positive(arguments, _pairs);
        context.Progress.Note("timing the autoencoder");
        await Task.Run(() => AutoencoderFigures.Run(pairs, context.Out, cancellation), cancellation).WaitAsync(cancellation);
        return 0;
    }
}
