using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;
using Engine.Runtime.Tests.Weights;
using Engine.Runtime.Weights;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.Datasets;

public sealed class BridgeClipsTests
{
    [Fact]
    public void Real_clips_become_episodes()
    {
        string folder = Golden.Data("bridge_clips/train");
        FrameDecoderTests.Skip();
        BridgeClips clips = BridgeClips.Open(folder, 64, 48);
        Assert.Equal(6, clips.Count);
        Episode episode = clips.Read(1);
        float[] rows = Npz.Read(Path.Combine(folder, "000000001.npz"))["arr_0"].ToFloat32();

        Assert.Equal(40, episode.Length);
        Assert.Equal(41 * 64 * 48 * 3, episode.Images["image"].Length);
        Assert.Equal(rows[10], episode.Actions[0, 0]);
        Assert.Equal(rows[409 - 9 + 2], episode.Actions[39, 2]);
        Assert.Equal((0f, rows[10] + rows[20]), (episode.Commands[0, 0], episode.Commands[2, 0]));
        Assert.All(Enumerable.Range(0, 40), t => Assert.Equal(rows[10 * (t + 1) + 6] > 0 ? 1f : 0f, episode.Actions[t, 6]));
        AssertIsVideo(episode.Images["image"], 64 * 48 * 3);

        using var target = new TemporaryFolder();
        var store = EpisodeStore.Create(target.File("data"), clips.Info);
        store.Append(episode);
        Assert.Equal(episode.Images["image"], EpisodeStore.Open(target.File("data")).Read(0).Images["image"]);
    }

    [Fact]
    public void Bad_folders_are_named()
    {
        using var folder = new TemporaryFolder();
        Assert.Throws<DirectoryNotFoundException>(() => BridgeClips.Open(folder.File("none"), 64, 64));
        Assert.Contains("no .mp4", Assert.Throws<InvalidDataException>(() => BridgeClips.Open(folder.Path, 64, 64)).Message, StringComparison.Ordinal);
        File.WriteAllText(folder.File("3.mp4"), "");
        Assert.Contains("3.npz", Assert.Throws<InvalidDataException>(() => BridgeClips.Open(folder.Path, 64, 64)).Message, StringComparison.Ordinal);
        Npz.Write(folder.File("3.npz"), new Dictionary<string, NamedArray> { ["arr_0"] = NamedArray.FromFloat32(new float[21], 3, 7) });
        var error = Assert.Throws<InvalidDataException>(() => BridgeClips.Open(folder.Path, 64, 64).Read(0));
        Assert.Contains("[T + 1, 10]", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Neighbouring frames are alike, the picture has contrast, and the first and last frames differ.</summary>
    internal static void AssertIsVideo(byte[] frames, int bytes)
    {
        int count = frames.Length / bytes;
        double Difference(int a, int b)
        {
            double sum = 0;
            for (int i = 0; i < bytes; i++) sum += Math.Abs(frames[a * bytes + i] - frames[b * bytes + i]);
            return sum / bytes;
        }

        for (int i = 1; i < count; i++) Assert.InRange(Difference(i - 1, i), 0, 25);
        Assert.InRange(Difference(0, count - 1), 0.5, 100);
        Assert.True(frames[..bytes].Max() - frames[..bytes].Min() > 100);
    }
}
