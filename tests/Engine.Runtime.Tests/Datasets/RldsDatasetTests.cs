using System.Text;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;
using Engine.Runtime.Tests.Weights;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.Datasets;

public sealed class RldsDatasetTests
{
    [Theory]
    [InlineData("123456789", 0xe3069283u)]
    [InlineData("", 0u)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x22620404u)]
    public void Checksums_are_castagnolis(string text, uint expected) => Assert.Equal(expected, TfRecordFile.Checksum(Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void Real_episodes_are_read()
    {
        string folder = Golden.Data("bridge_rlds");
        FrameDecoderTests.Skip();
        RldsDataset data = RldsDataset.Open(folder);
        Assert.Equal(["image_0", "image_1", "image_2", "image_3"], data.Info.Cameras.Select(c => c.Name));
        Assert.All(data.Info.Cameras, c => Assert.Equal((64, 64), (c.Height, c.Width)));

        Episode[] episodes = [.. data.Read()];

        Assert.Equal(25, episodes.Length);
        Assert.Equal("put cup from counter or drying rack into sink", episodes[0].Instruction);
        Assert.Equal("put carrot on plate", episodes[24].Instruction);
        Assert.Equal(9, episodes[0].Length);
        Assert.Equal(0.2338147908449173f, episodes[0].States[0, 0]);
        Assert.Equal(1.0008161067962646f, episodes[0].States[0, 7]);
        Assert.Equal(3.6480773957237034e-10f, episodes[0].Actions[0, 0]);
        Assert.Equal(1f, episodes[0].Actions[0, 6]);
        foreach (Episode episode in episodes)
        {
            double norm = Math.Sqrt(Enumerable.Range(3, 4).Sum(i => (double)episode.States[0, i] * episode.States[0, i]));
            Assert.Equal(1, norm, 1e-5);
            BridgeClipsTests.AssertIsVideo([.. episode.Images["image_0"]], 64 * 64 * 3);
        }

        // The measured pose moves by about what the actions ask for: evidence that action t leads from observation t to t + 1.
        double agreement = 0, size = 0;
        foreach (Episode episode in episodes)
        {
            for (int t = 0; t < episode.Length; t++)
            {
                for (int i = 0; i < 3; i++)
                {
                    double moved = episode.Commands[t + 1, i] - episode.Commands[t, i];
                    agreement += (moved - episode.Actions[t, i]) * (moved - episode.Actions[t, i]);
                    size += moved * moved;
                }
            }
        }

        Assert.InRange(agreement / size, 0, 0.5);

        using var target = new TemporaryFolder();
        var store = EpisodeStore.Create(target.File("data"), data.Info);
        foreach (Episode episode in episodes) store.Append(episode);
        Assert.Equal(25, EpisodeStore.Open(target.File("data")).ReadAll(SilentProgress.Instance).Length);
    }

    [Fact]
    public void Cameras_are_chosen_and_scaled()
    {
        string folder = Golden.Data("bridge_rlds");
        FrameDecoderTests.Skip();
        RldsDataset data = RldsDataset.Open(folder, ["image_2"], 32, 40);
        Episode episode = data.Read().First();
        Assert.Equal(["image_2"], episode.Images.Keys);
        Assert.Equal(10 * 32 * 40 * 3, episode.Images["image_2"].Length);
        Assert.Throws<InvalidDataException>(() => RldsDataset.Open(folder, ["image_9"]));
        Assert.Throws<InvalidDataException>(() => RldsDataset.Open(folder, split: "test"));
    }

    [Fact]
    public void Damaged_records_are_errors_and_never_crashes()
    {
        string shard = RldsDataset.Open(Golden.Data("bridge_rlds")).Shards[0];
        using var folder = new TemporaryFolder();
        string path = folder.File("bad.tfrecord");
        byte[] good = File.ReadAllBytes(shard)[..200_000];
        byte[] record = TfRecordFile.Read(shard).First();
        int refused = 0;
        for (uint i = 0; i < 300; i++)
        {
            var random = new PhiloxRandom(new PhiloxKey(22, 903, i));
            byte[] bad = (byte[])good.Clone();
            bad[random.NextInt(i % 2 == 0 ? bad.Length : 64)] ^= (byte)(1 + random.NextInt(255));
            File.WriteAllBytes(path, bad);
            var error = Assert.Throws<InvalidDataException>(() => TfRecordFile.Read(path).Count());
            Assert.StartsWith(path, error.Message, StringComparison.Ordinal);

            // Past the checksum, the parser stands alone.
            byte[] message = (byte[])record.Clone();
            int changes = 1 + random.NextInt(4);
            for (int change = 0; change < changes; change++) message[random.NextInt(400)] = (byte)random.NextInt(256);
            int length = random.NextInt(3) == 0 ? random.NextInt(message.Length) : message.Length;
            try
            {
                TfExample.Parse(message.AsMemory(0, length), "record");
            }
            catch (InvalidDataException parse)
            {
                refused++;
                Assert.StartsWith("record", parse.Message, StringComparison.Ordinal);
            }
        }

        Assert.InRange(refused, 50, 300);
    }
}
