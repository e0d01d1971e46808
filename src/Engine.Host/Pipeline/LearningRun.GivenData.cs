using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;

namespace Engine.Host.Pipeline;

public sealed partial class LearningRun
{
    private const string PlayName = "play";

    /// <summary>
    /// Episodes that were recorded elsewhere (<see cref="EngineSettings.Data"/>) take the place of what <see cref="Collect"/> records: those of
    /// the actor "play" as play, all others as demonstrations.
    /// </summary>
    /// <exception cref="InvalidDataException">A directory is of another arm or camera, or there is no demonstration in any of them.</exception>
    private RecordedResult[] TakeGivenData()
    {
        var all = Given();
        if (!all.Any(e => e.Actor != PlayName && e.Success))
            throw new InvalidDataException($"{string.Join(", ", _settings.Data)}: none of the {all.Length} episodes is a successful demonstration (every episode whose actor is not 'play'); there is nothing to clone.");
        string hash = string.Join('+', _settings.Data.Select(directory => EpisodeStore.Open(directory).ContentHash(_cancellation)));
        return [.. new[] { false, true }.Select(play =>
        {
            var episodes = all.Where(e => e.Actor == PlayName == play).ToArray();
            return new RecordedResult(episodes.Length, episodes.Count(e => e.Success) / (double)Math.Max(1, episodes.Length), episodes.Length == 0 ? 0 : episodes.Average(e => e.Length), hash);
        })];
    }

    /// <summary>All given episodes.</summary>
    private Episode[] Given() => Loaded("given", () =>
    {
        var all = new List<Episode>();
        foreach (string directory in _settings.Data)
        {
            var store = EpisodeStore.Open(directory);
            CheckFit(directory, store.Info);
            all.AddRange(store.ReadAll(_progress, _cancellation));
        }

        return all.ToArray();
    });

    private void CheckFit(string directory, DatasetInfo given)
    {
        var wanted = World.Info;
        string? misfit =
            !given.Cameras.Contains(Camera) ? $"has no camera {Camera.Name} of {Camera.Height}×{Camera.Width} pixels, but {string.Join(", ", given.Cameras.Select(c => $"{c.Name} {c.Height}×{c.Width}"))}"
            : !given.StateNames.SequenceEqual(wanted.StateNames) ? $"has the state numbers {string.Join(", ", given.StateNames)}; the simulator has {string.Join(", ", wanted.StateNames)}"
            : !given.ActionNames.SequenceEqual(wanted.ActionNames) ? $"has the action numbers {string.Join(", ", given.ActionNames)}; the simulator has {string.Join(", ", wanted.ActionNames)}"
            : !Same(given.Embodiment, wanted.Embodiment) ? "was recorded with another arm (step limits, workspace or control rate differ)"
            : null;
        if (misfit is not null) throw new InvalidDataException($"{directory} {misfit}. Policies of this run act in the embedded simulator, so its data must be of the same kind (engine collect records such).");
    }

    private static bool Same(EmbodimentSpec a, EmbodimentSpec b) =>
        a.StepLimit.SequenceEqual(b.StepLimit) && a.PoseLow.SequenceEqual(b.PoseLow) && a.PoseHigh.SequenceEqual(b.PoseHigh) && a.ControlHz == b.ControlHz;
}
