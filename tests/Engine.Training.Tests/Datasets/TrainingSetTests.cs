using Engine.Runtime.Contract;
using Engine.Training.Datasets;

namespace Engine.Training.Tests.Datasets;

public sealed class TrainingSetTests
{
    private static readonly CameraSpec Camera = new("front", 2, 2);

    private static Episode Make(int length, byte mark, string camera = "front") => new()
    {
        Instruction = $"episode {mark}",
        Task = "t",
        Actor = "play",
        Seed = 0,
        Success = false,
        Terminated = false,
        Images = new() { [camera] = [.. Enumerable.Range(0, length + 1).SelectMany(t => Enumerable.Repeat((byte)(mark + t), 12))] },
        States = new float[length + 1, 8],
        Commands = new float[length + 1, 7],
        Actions = new float[length, 7],
        Progress = [],
    };

    /// <summary>Also with episodes that have no steps, at the beginning, in a row and at the end.</summary>
    [Fact]
    public void Frames_and_steps_are_numbered_episode_after_episode()
    {
        int[] lengths = [0, 3, 0, 0, 2, 1, 0];
        var set = new TrainingSet([.. lengths.Select((length, e) => Make(length, (byte)(10 * e)))], Camera, text => [text.Length]);
        Assert.Equal(lengths.Sum(), set.StepCount);
        Assert.Equal(lengths.Sum() + lengths.Length, set.FrameCount);
        var frames = lengths.SelectMany((length, e) => Enumerable.Range(0, length + 1).Select(t => (e, t))).ToArray();
        var steps = lengths.SelectMany((length, e) => Enumerable.Range(0, length).Select(t => (e, t))).ToArray();
        Assert.Equal(frames, Enumerable.Range(0, set.FrameCount).Select(set.FrameAt));
        Assert.Equal(steps, Enumerable.Range(0, set.StepCount).Select(set.StepAt));
        foreach (var (e, t) in frames) Assert.Equal((byte)(10 * e + t), set.Image(e, t)[7]);
        foreach (var (e, t) in steps) Assert.Equal(t, Array.IndexOf(steps, (e, t)) - set.FirstStep(e));
        Assert.Equal(set.FrameCount - 1, set.FirstFrame(6));
        Assert.Equal([10L], set.Tokens[3]);
    }

    [Fact]
    public void Data_that_does_not_fit_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new TrainingSet([], Camera, _ => []));
        var error = Assert.Throws<ArgumentException>(() => new TrainingSet([Make(1, 0, "wrist")], Camera, _ => []));
        Assert.Contains("wrist", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new TrainingSet([Make(1, 0)], new CameraSpec("front", 2, 3), _ => []));
    }
}
