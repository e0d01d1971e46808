using System.CommandLine;
using System.Globalization;
using Engine.Host.Reports;
using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;
using Engine.Runtime.Weights;

namespace Engine.Host.Commands;

/// <summary>Sums up a data directory and draws a contact sheet of some of its episodes.</summary>
public sealed class DataShowVerb : Verb
{
    private readonly Argument<string> _directory = new("directory") { Description = "Data directory (holds dataset.json)." };
    private readonly Option<string?> _out = new("--out", "-o") { Description = "PNG to write; contact-sheet.png in the data directory otherwise.", HelpName = "file.png" };
    private readonly Option<string?> _gif = new("--gif") { Description = "Also write the episodes as a film.", HelpName = "file.gif" };
    private readonly Option<int> _episodes = new("--episodes", "-n") { Description = "Episodes to draw, spread evenly.", DefaultValueFactory = _ => 12 };
    private readonly Option<int> _columns = new("--columns") { Description = "Frames of each episode.", DefaultValueFactory = _ => 8 };
    private readonly Option<int> _scale = new("--scale") { Description = "Size of a pixel on the sheet.", DefaultValueFactory = _ => 2 };
    private readonly Option<string?> _camera = new("--camera") { Description = "Camera to draw; the first one otherwise.", HelpName = "name" };
    private readonly Option<string?> _task = new("--task") { Description = "Draw episodes of this task only.", HelpName = "family" };
    private readonly Option<bool> _failures = new("--failures") { Description = "Draw failed episodes only." };

    public override string Name => "data show";

    public override string Summary => "Sum up a data directory and draw a contact sheet of its episodes.";

    public override IReadOnlyList<string> Examples =>
    [
        "data show runs/demonstrations",
        "data show runs/demonstrations --task put --failures -n 6 --out failures.png",
        "data show runs/dreams --camera wrist --gif dreams.gif",
    ];

    public override void Configure(Command command)
    {
        command.Add(_directory);
        foreach (Option option in new Option[] { _out, _gif, _episodes, _columns, _scale, _camera, _task, _failures }) command.Add(option);
    }

    public override Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        int count = InRange(arguments, _episodes, 1, 1000), columns = InRange(arguments, _columns, 2, 100), scale = InRange(arguments, _scale, 1, 16);
        var store = EpisodeStore.Open(arguments.GetValue(_directory)!);
        var camera = Camera(store.Info, arguments.GetValue(_camera));
        var summary = DatasetSummary.Of(store, context.Progress, cancellation);
        summary.Print(context.Out);

        var chosen = Choose(summary, arguments.GetValue(_task), arguments.GetValue(_failures), count);
        var episodes = chosen.Select(index => (Name: $"#{index}", Episode: store.Read(index))).ToList();
        var rows = episodes.Select(item => ContactSheet.Strip(item.Name, item.Episode, camera, columns)).ToList();
        string title = $"{Path.GetFileName(store.Directory)}: {camera.Name}";
        string sheet = Path.GetFullPath(arguments.GetValue(_out) ?? Path.Combine(store.Directory, "contact-sheet.png"));
        AtomicFile.WriteBytes(sheet, ContactSheet.Draw(rows, camera.Width, camera.Height, scale, title).ToPng());
        context.Out.WriteLine();
        context.Out.WriteLine($"contact sheet: {sheet}");

        if (arguments.GetValue(_gif) is { } film)
        {
            var panels = episodes.Select(item => (item.Name, Frames(item.Episode, camera))).ToList();
            int delay = (int)Math.Round(1000 / store.Info.Embodiment.ControlHz);
            AtomicFile.WriteBytes(film, Animation.Beside(panels, camera.Width, camera.Height, scale, delay, (int)Math.Ceiling(Math.Sqrt(panels.Count))));
            context.Out.WriteLine($"film: {Path.GetFullPath(film)}");
        }

        return Task.FromResult(0);
    }

    private static int InRange(ParseResult arguments, Option<int> option, int low, int high)
    {
        int value = arguments.GetValue(option);
        return value >= low && value <= high
            ? value
            : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"{option.Name} is {value}; expected {low} … {high}"));
    }

    private static CameraSpec Camera(DatasetInfo info, string? name)
    {
        if (name is null) return info.Cameras[0];
        string known = string.Join(", ", info.Cameras.Select(camera => camera.Name));
        return Array.Find(info.Cameras, camera => camera.Name == name) ?? throw new UsageException($"there is no camera '{name}'; the data set has: {known}");
    }

    private static IEnumerable<int> Choose(DatasetSummary summary, string? task, bool failuresOnly, int count)
    {
        var fitting = Enumerable.Range(0, summary.Episodes.Count)
            .Where(i => (task is null || summary.Episodes[i].Task == task) && !(failuresOnly && summary.Episodes[i].Success)).ToList();
        if (fitting.Count == 0)
        {
            string tasks = string.Join(", ", summary.Episodes.Select(episode => episode.Task).Distinct());
            throw new InvalidDataException($"no episode fits the choice; the data set has the tasks {tasks} and {summary.Episodes.Count(e => !e.Success)} failed episodes");
        }

        int shown = Math.Min(count, fitting.Count);
        return Enumerable.Range(0, shown).Select(i => fitting[(int)((long)i * fitting.Count / shown)]);
    }

    private static IReadOnlyList<byte[]> Frames(Episode episode, CameraSpec camera) => Enumerable.Range(0, episode.Length + 1)
        .Select(frame => episode.Images[camera.Name].AsSpan(frame * camera.Bytes, camera.Bytes).ToArray()).ToList();
}
