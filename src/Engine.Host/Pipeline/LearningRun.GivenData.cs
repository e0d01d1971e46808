using Engine.Host.Evaluation;
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
    private CollectResult TakeGivenData()
    {
        string[] hashes = [.. _settings.Data.Select(directory => EpisodeStore.Open(directory).ContentHash(_cancellation))];
        return Folder.Stage("collect", new { _settings.Task, _settings.Camera, _settings.Collect.ExpertCheck, Data = hashes }, [], _progress, () =>
        {
            var (demonstrations, play) = (Given(play: false), Given(play: true));
            if (!demonstrations.Any(e => e.Success))
                throw new InvalidDataException($"{string.Join(", ", _settings.Data)}: none of the {demonstrations.Length + play.Length} episodes is a successful demonstration (every episode whose actor is not 'play'); there is nothing to clone.");
            string hash = string.Join('+', hashes);
            return new CollectResult(MeasureExpert(), Summarise(demonstrations, hash), Summarise(play, hash));
        });
    }

    /// <summary>The given play, or the given demonstrations.</summary>
    private Episode[] Given(bool play) => [.. Loaded("given", () => _settings.Data.SelectMany(directory =>
    {
        var store = EpisodeStore.Open(directory);
        CheckFit(directory, store.Info);
        return store.ReadAll(_progress, _cancellation);
    }).ToArray()).Where(e => e.Actor == PlayName == play)];

    private void CheckFit(string directory, DatasetInfo given)
    {
        const string remedy = "Policies of this run act in the embedded simulator, so its data must be of the same kind (engine collect records such).";
        if (!given.Cameras.Contains(Camera))
            throw new InvalidDataException($"{directory} has no camera {Camera.Name} of {Camera.Height}×{Camera.Width} pixels, but {string.Join(", ", given.Cameras.Select(c => $"{c.Name} {c.Height}×{c.Width}"))}. {remedy}");
        ContractFit.Check(directory, given.StateNames, given.ActionNames, given.Embodiment, World.Info.StateNames, World.Info.ActionNames, World.Info.Embodiment, "the simulator", remedy);
    }
}
