using System.CommandLine;
using Engine.Host.Benchmarks.Serving;

namespace Engine.Host.Commands.Bench;

/// <summary>What serving a policy costs and whether it holds, beside openpi's own Python where it is given.</summary>
public sealed class BenchServeVerb : Verb
{
    private readonly Option<string[]> _line = new("--line") { Description = $"What to measure: {string.Join(", ", ServingFigures.Names)}; everything unless given.", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
    private readonly Option<int> _pairs = BenchOptions.Pairs();
    private readonly Option<double> _seconds = BenchOptions.Seconds();
    private readonly Option<double> _soak = new("--soak-minutes") { Description = "Time of the soak.", DefaultValueFactory = _ => 0.2, HelpName = "number" };
    private readonly Option<string?> _upstream = new("--upstream") { Description = "A checkout of openpi, whose own server and client are timed beside this one's.", HelpName = "folder" };
    private readonly Option<string> _python = new("--python") { Description = "The interpreter for it, with numpy, msgpack and websockets.", DefaultValueFactory = _ => "python3", HelpName = "program" };

    private readonly Option<string[]> _part = new("--part") { Hidden = true, AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [] };

    public override string Name => "bench serve";

    public override string Summary => "Time a served policy: every protocol's latency, processor time, overload, swaps, soak.";

    public override IReadOnlyList<string> Examples => ["bench serve --upstream ~/openpi", "bench serve --line pipe shared-memory --pairs 15", "bench serve --line soak --soak-minutes 30"];

    public override void Configure(Command command)
    {
        _line.AcceptOnlyFromAmong([.. ServingFigures.Names]);
        foreach (Option option in new Option[] { _line, _pairs, _seconds, _soak, _upstream, _python, _part }) command.Add(option);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        if (arguments.GetValue(_part) is { Length: 4 } part) return await PartProcess.RunAsync(part, context.Out, cancellation);
        var run = new ServingRun(
            BenchOptions.Positive(arguments, _pairs), BenchOptions.Positive(arguments, _seconds), BenchOptions.Positive(arguments, _soak), arguments.GetValue(_upstream),
            arguments.GetValue(_python)!, cancellation);
        await Task.Run(() => ServingFigures.RunAsync(arguments.GetValue(_line)!, run, context.Progress.Note, context.Out), cancellation).WaitAsync(cancellation);
        return 0;
    }
}
