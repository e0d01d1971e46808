using System.Globalization;
using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;

namespace Engine.Host.Commands;

/// <summary>What a data directory holds, in figures; reads one episode at a time, so that its size does not matter.</summary>
public sealed class DatasetSummary
{
    private readonly List<EpisodeFacts> _episodes = [];
    private readonly double[] _stateLow;
    private readonly double[] _stateHigh;
    private readonly double[] _actionLow;
    private readonly double[] _actionHigh;

    private DatasetSummary(EpisodeStore store)
    {
        Store = store;
        _stateLow = Filled(store.Info.StateNames.Length, double.PositiveInfinity);
        _stateHigh = Filled(store.Info.StateNames.Length, double.NegativeInfinity);
        _actionLow = Filled(store.Info.ActionNames.Length, double.PositiveInfinity);
        _actionHigh = Filled(store.Info.ActionNames.Length, double.NegativeInfinity);
    }

    public EpisodeStore Store { get; }

    /// <summary>One entry an episode, in order.</summary>
    public IReadOnlyList<EpisodeFacts> Episodes => _episodes;

    /// <summary>Reads every episode of <paramref name="store"/> once.</summary>
    /// <exception cref="InvalidDataException">An episode is corrupt; the message names it.</exception>
    public static DatasetSummary Of(EpisodeStore store, IProgressReporter progress, CancellationToken cancellation)
    {
        var summary = new DatasetSummary(store);
        using var task = progress.Begin("reading episodes", store.Count, "episodes");
        for (int i = 0; i < store.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            summary.Add(store.Read(i));
            task.Advance();
        }

        return summary;
    }

    /// <summary>Writes the figures for a person.</summary>
    public void Print(TextWriter output)
    {
        var info = Store.Info;
        output.WriteLine($"{Store.Directory}: {_episodes.Count} episodes, {_episodes.Sum(episode => (long)episode.Steps)} steps, source {info.Source}");
        output.WriteLine($"cameras   {string.Join(", ", info.Cameras.Select(camera => $"{camera.Name} {camera.Width}×{camera.Height}"))}");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"control   {info.Embodiment.ControlHz:0.##} Hz"));
        output.WriteLine();

        var rows = _episodes.GroupBy(episode => (episode.Task, episode.Actor, episode.Variation)).OrderBy(group => group.Key)
            .Select(group => Row(group.Key.Task, group.Key.Actor, group.Key.Variation, group.ToList())).ToList();
        if (rows.Count > 1) rows.Add(Row("all", "", "", _episodes));
        TextTable.Print(output, ["task", "actor", "variation", "episodes", "success", "steps (min median max)", "instructions"], rows);
        output.WriteLine();

        var numbers = info.StateNames.Select((name, i) => Range("state", name, _stateLow[i], _stateHigh[i]))
            .Concat(info.ActionNames.Select((name, i) => Range("action", name, _actionLow[i], _actionHigh[i])));
        TextTable.Print(output, ["", "number", "least", "greatest"], numbers.ToList());
    }

    private static string[] Row(string task, string actor, string variation, List<EpisodeFacts> episodes)
    {
        int successes = episodes.Count(episode => episode.Success);
        int[] steps = episodes.Select(episode => episode.Steps).Order().ToArray();
        return
        [
            task,
            actor,
            variation,
            episodes.Count.ToString(CultureInfo.InvariantCulture),
            string.Create(CultureInfo.InvariantCulture, $"{successes} ({100.0 * successes / episodes.Count:0} %)"),
            $"{steps[0]} {steps[steps.Length / 2]} {steps[^1]}",
            episodes.Select(episode => episode.Instruction).Distinct().Count().ToString(CultureInfo.InvariantCulture),
        ];
    }

    private static string[] Range(string kind, string name, double low, double high) =>
        [kind, name, Number(low), Number(high)];

    /// <summary>Four decimals; what rounds to nothing is 0, never −0.</summary>
    private static string Number(double value) => (Math.Round(value, 4) + 0.0).ToString("0.####", CultureInfo.InvariantCulture);

    private static double[] Filled(int count, double value)
    {
        double[] array = new double[count];
        Array.Fill(array, value);
        return array;
    }

    private static void Extend(float[,] values, double[] low, double[] high)
    {
        for (int row = 0; row < values.GetLength(0); row++)
        {
            for (int column = 0; column < low.Length; column++)
            {
                low[column] = Math.Min(low[column], values[row, column]);
                high[column] = Math.Max(high[column], values[row, column]);
            }
        }
    }

    private void Add(Episode episode)
    {
        _episodes.Add(new EpisodeFacts(episode.Task, episode.Actor, episode.Variation, episode.Instruction, episode.Success, episode.Length));
        Extend(episode.States, _stateLow, _stateHigh);
        Extend(episode.Actions, _actionLow, _actionHigh);
    }
}
