using System.CommandLine;
using Engine.Host.Benchmarks;

namespace Engine.Host.Commands.Bench;

/// <summary>What serving a policy costs.</summary>
public sealed class BenchServeVerb : Verb
{
    private readonly Option<double> _seconds = BenchOptions.Seconds();

    public override string Name => "bench serve";

    public override string Summary => "Time a served policy.";

    public override IReadOnlyList<string> Examples => ["bench serve"];

    public override void Configure(Command command) => command.Add(_seconds);

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        double seconds = BenchOptions.Positive(arguments, _seconds);
        context.Progress.Note("timing serve");
        await Task.Run(() => ServingRoundTrip.RunAsync(seconds, context.Out, cancellation), cancellation).WaitAsync(cancellation);
        return 0;
    }
}
