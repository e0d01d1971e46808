using System.CommandLine;
using Engine.Host.Benchmarks;

namespace Engine.Host.Commands.Bench;

/// <summary>Draws what a dreamt frame costs against everything that it depends on.</summary>
public sealed class BenchCostVerb : Verb
{
    private readonly Option<double> _seconds = new("--seconds") { Description = "Time for each point; at least five frames are timed.", DefaultValueFactory = _ => 0.5, HelpName = "number" };
    private readonly Option<string> _out = new("--out", "-o") { Description = "Report to write, .md (pictures beside it) or .html.", DefaultValueFactory = _ => "dream-cost.html", HelpName = "file" };

    public override string Name => "bench cost";

    public override string Summary => "Draw what a dreamt frame costs against window, steps, batch, width and threads.";

    public override IReadOnlyList<string> Examples => ["bench cost", "bench cost --seconds 2 --out docs/dream-cost.md"];

    public override void Configure(Command command)
    {
        command.Add(_seconds);
        command.Add(_out);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        double seconds = BenchOptions.Positive(arguments, _seconds);
        string path = Path.GetFullPath(arguments.GetValue(_out)!);
        bool markdown = path.EndsWith(".md", StringComparison.OrdinalIgnoreCase);
        if (!markdown && !path.EndsWith(".html", StringComparison.OrdinalIgnoreCase)) throw new UsageException($"--out is {path}; expected a file that ends in .md or .html");
        var report = await Task.Run(() => new DreamCost(seconds, context.Progress, cancellation).Run(), cancellation);
        report.Code($"./engine bench cost --seconds {seconds.ToString(System.Globalization.CultureInfo.InvariantCulture)} --out {arguments.GetValue(_out)}");
        if (markdown) report.SaveMarkdown(path);
        else report.Save(path);
        context.Out.WriteLine($"what a frame costs: {path}");
        return 0;
    }
}
