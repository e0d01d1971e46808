using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;
using Engine.Runtime.Tests.Weights;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Tests.Datasets;

public sealed class EpisodeStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Episodes_come_back_in_order()
    {
        Fill(_folder.File("data"), 5);
        var store = EpisodeStore.Open(_folder.File("data"));
        Assert.Equal(5, store.Count);
        Assert.Equal(JsonFile.ToText(SampleEpisodes.Info), JsonFile.ToText(store.Info));
        Episode[] all = store.ReadAll(SilentProgress.Instance);
        for (uint i = 0; i < 5; i++)
        {
            Episode want = SampleEpisodes.Build(i), got = all[i];
            Assert.Equal(want.Instruction, got.Instruction);
            Assert.Equal((want.Task, want.Variation, want.Actor, want.Seed), (got.Task, got.Variation, got.Actor, got.Seed));
            Assert.Equal((want.Success, want.Terminated), (got.Success, got.Terminated));
            Assert.Equal(want.Images["front"], got.Images["front"]);
            Assert.Equal(want.Images["wrist"], got.Images["wrist"]);
            Assert.Equal(want.States, got.States);
            Assert.Equal(want.Commands, got.Commands);
            Assert.Equal(want.Actions, got.Actions);
            Assert.Equal(want.Progress, got.Progress);
        }
    }

    [Fact]
    public void A_collection_is_resumed()
    {
        Fill(_folder.File("data"), 3);
        var store = EpisodeStore.Create(_folder.File("data"), SampleEpisodes.Info);
        Assert.Equal(3, store.Count);
        Assert.Equal(3, store.Append(SampleEpisodes.Build(3)));
        Fill(_folder.File("other"), 4);
        Assert.Equal(EpisodeStore.Open(_folder.File("other")).ContentHash(), EpisodeStore.Open(_folder.File("data")).ContentHash());
    }

    [Fact]
    public void Appending_from_many_threads_loses_nothing()
    {
        var store = EpisodeStore.Create(_folder.File("data"), SampleEpisodes.Info);
        Parallel.For(0, 32, i => store.Append(SampleEpisodes.Build((uint)i, steps: 1)));
        var seeds = EpisodeStore.Open(_folder.File("data")).ReadAll(SilentProgress.Instance).Select(e => e.Seed);
        Assert.Equal(Enumerable.Range(0, 32).Select(i => ulong.MaxValue - (ulong)i).Order(), seeds.Order());
    }

    [Fact]
    public void The_hash_depends_on_contents_and_order_alone()
    {
        Fill(_folder.File("a"), 3);
        string hash = EpisodeStore.Open(_folder.File("a")).ContentHash();
        foreach (string file in Directory.GetFiles(_folder.File("a/episodes")))
        {
            Npz.Write(file, Npz.Read(file), System.IO.Compression.CompressionLevel.NoCompression);
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);
        }

        Assert.Equal(hash, EpisodeStore.Open(_folder.File("a")).ContentHash());
        File.Move(_folder.File("a/episodes/000000.npz"), _folder.File("a/episodes/000007.npz"));
        Assert.NotEqual(hash, EpisodeStore.Open(_folder.File("a")).ContentHash());
    }

    [Fact]
    public void A_missing_or_empty_directory_is_named()
    {
        var missing = Assert.Throws<DirectoryNotFoundException>(() => EpisodeStore.Open(_folder.File("nowhere")));
        Assert.Contains("nowhere", missing.Message, StringComparison.Ordinal);
        Directory.CreateDirectory(_folder.File("plain"));
        Assert.Contains("dataset.json", Assert.Throws<InvalidDataException>(() => EpisodeStore.Open(_folder.File("plain"))).Message, StringComparison.Ordinal);
        EpisodeStore.Create(_folder.File("begun"), SampleEpisodes.Info);
        Assert.Contains("no episodes", Assert.Throws<InvalidDataException>(() => EpisodeStore.Open(_folder.File("begun"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_foreign_directory_is_left_alone()
    {
        Directory.CreateDirectory(_folder.File("home"));
        File.WriteAllText(_folder.File("home/letter.txt"), "dear");
        Assert.Throws<InvalidDataException>(() => EpisodeStore.Create(_folder.File("home"), SampleEpisodes.Info));
        Assert.Single(Directory.GetFileSystemEntries(_folder.File("home")));

        Fill(_folder.File("data"), 1);
        var error = Assert.Throws<InvalidDataException>(
            () => EpisodeStore.Create(_folder.File("data"), SampleEpisodes.Info with { Source = "elsewhere" }));
        Assert.Contains("another data set", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => EpisodeStore.Create(_folder.File("home/letter.txt"), SampleEpisodes.Info));
    }

    [Fact]
    public void A_corrupt_episode_is_named_with_what_to_do()
    {
        Fill(_folder.File("data"), 3);
        string file = _folder.File("data/episodes/000001.npz");
        byte[] good = File.ReadAllBytes(file);
        foreach (int length in new[] { 0, 10, good.Length / 2, good.Length - 1 })
        {
            File.WriteAllBytes(file, good[..length]);
            var error = Assert.Throws<InvalidDataException>(() => EpisodeStore.Open(_folder.File("data")).ReadAll(SilentProgress.Instance));
            Assert.Contains("000001.npz", error.Message, StringComparison.Ordinal);
            Assert.Contains("Delete", error.Message, StringComparison.Ordinal);
        }

        File.Delete(file);
        Assert.Equal(2, EpisodeStore.Open(_folder.File("data")).ReadAll(SilentProgress.Instance).Length);
    }

    [Fact]
    public void Wrong_shapes_are_refused()
    {
        var store = EpisodeStore.Create(_folder.File("data"), SampleEpisodes.Info);
        Episode good = SampleEpisodes.Build(0);
        var error = Assert.Throws<ArgumentException>(() => store.Append(With(good, states: new float[5, 8])));
        Assert.Contains("state is [5, 8], expected [6, 8]", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ArgumentException>(() => store.Append(With(good, images: [])));
        Assert.Contains("front", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, store.Count);

        store.Append(good);
        string infoFile = _folder.File("data/dataset.json");
        File.WriteAllText(infoFile, File.ReadAllText(infoFile).Replace("\"height\": 4", "\"height\": 5", StringComparison.Ordinal));
        var read = Assert.Throws<InvalidDataException>(() => EpisodeStore.Open(_folder.File("data")).Read(0));
        Assert.Contains("expected [T + 1, 5, 6, 3]", read.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => store.Read(1));
    }

    [Fact]
    public void Reading_can_be_cancelled()
    {
        Fill(_folder.File("data"), 2);
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(
            () => EpisodeStore.Open(_folder.File("data")).ReadAll(SilentProgress.Instance, source.Token));
    }

    private static void Fill(string directory, int count)
    {
        var store = EpisodeStore.Create(directory, SampleEpisodes.Info);
        for (uint i = 0; i < count; i++) store.Append(SampleEpisodes.Build(i));
    }

    private static Episode With(Episode episode, float[,]? states = null, Dictionary<string, byte[]>? images = null) => new()
    {
        Instruction = episode.Instruction,
        Task = episode.Task,
        Actor = episode.Actor,
        Seed = episode.Seed,
        Success = episode.Success,
        Terminated = episode.Terminated,
        Images = images ?? episode.Images,
        States = states ?? episode.States,
        Commands = episode.Commands,
        Actions = episode.Actions,
        Progress = episode.Progress,
    };
}
