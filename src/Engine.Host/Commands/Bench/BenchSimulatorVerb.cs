using System.CommandLine;
using Engine.Host.Benchmarks;

namespace Engine.Host.Commands.Bench;

/// <summary>The embedded simulator's steps a second.</summary>
public sealed class BenchSimulatorVerb : Verb
{
    private readonly Option<int[]> _environments = new("--environments") { Description = "Tables that advance together.", DefaultValueFactory = _ => [1, 16, 64], AllowMultipleArgumentsPerToken = true };
    private readonly Option<double> _seconds = BenchOptions.Seconds();

    public override string Name => "bench simulator";

    public override string Summary => "Time the embedded simulator.";

    public override IReadOnlyList<string> Examples => ["bench simulator --environments 1 64"];

    public override void Configure(Command command)
    {
        command.Add(_environments);
        command.Add(_seconds);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        double seconds = BenchOptions.Positive(arguments, _seconds);
        int[] counts = arguments.GetValue(_environments)!;
        if (counts.Any(count => count < 1)) throw new UsageException("--environments must be positive");
        context.Progress.Note("timing simulator");
        foreach (int count in counts) await Task.Run(() => SimulatorFigures.Run(count, seconds, context.Out), cancellation).WaitAsync(cancellation);
        return 0;
    }
}
