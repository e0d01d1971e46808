using System.Diagnostics;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.Recording;
using Engine.Host.Tests.Commands;
using Engine.Runtime.Datasets;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving;

/// <summary>A server that dies loses no episode that it was recording.</summary>
public sealed class JournalTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("engine-journal-").FullName;

    private string Folder => Path.Combine(_root, "recording");

    private string Journals => Path.Combine(Folder, "journal");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task What_a_killed_server_was_recording_is_an_episode_at_the_next_start()
    {
        using (var program = new ProgramProcess("serve", "--policy", "echo", "--port", "0", "--record", Folder))
        {
            var uri = new Uri((await program.ReadLineAsync())!.Split(' ')[1]);
            await using var first = await OpenPiClient.ConnectAsync(uri);
            await using var second = await OpenPiClient.ConnectAsync(uri);
            for (int i = 0; i < 4; i++) await first.InferAsync(Wide(i, "reach"));
            await first.ResetAsync(success: true);
            for (int i = 0; i < 3; i++) await first.InferAsync(Wide(10 + i, "push"));
            for (int i = 0; i < 5; i++) await second.InferAsync(Wide(20 + i, "pick"));

            // A step is written a moment after its answer has left.
            long step = 2 * 224 * 224 * 3;
            Assert.Equal(8, await WithinAsync(() => Directory.GetFiles(Journals, "*.journal").Sum(file => new FileInfo(file).Length / step), 8));
            program.Signal("KILL");
            Assert.Equal(137, (await program.EndAsync()).Status);
        }

        using (var program = new ProgramProcess("serve", "--policy", "echo", "--port", "0", "--record", Folder))
        {
            var uri = new Uri((await program.ReadLineAsync())!.Split(' ')[1]);
            await using (var client = await OpenPiClient.ConnectAsync(uri)) await client.InferAsync(Wide(1, "go"));
            program.Signal("TERM");
            var (status, error) = await program.EndAsync();
            Assert.Equal(0, status);
            Assert.Contains("are whole again", error, StringComparison.Ordinal);
        }

        var store = EpisodeStore.Open(Folder);
        var episodes = Enumerable.Range(0, store.Count).Select(store.Read).OrderBy(e => e.Seed).ToArray();
        Assert.Equal(
            [("reach", 3, true), ("push", 2, false), ("pick", 4, false)], episodes.Select(e => (e.Instruction, e.Length, e.Success)));
        Assert.Equal([20f, 21, 22, 23, 24], Enumerable.Range(0, 5).Select(t => episodes[2].States[t, 0]));
        Assert.Equal([20f, 21, 22, 23], Enumerable.Range(0, 4).Select(t => episodes[2].Actions[t, 0]));
        Assert.Empty(Directory.GetFiles(Journals, "*.journal*"));
    }

    /// <summary>RLIMIT_FSIZE stands for the full disk: the kernel refuses the write in the same place.</summary>
    [Fact]
    public async Task A_disk_that_fills_up_stops_the_recording_and_what_was_written_is_kept()
    {
        if (!File.Exists("/bin/bash")) Assert.Skip("there is no bash to set the limit with");
        string command = $"trap '' XFSZ; ulimit -f 2000; DOTNET_EnableWriteXorExecute=0 exec dotnet exec '{Path.Combine(AppContext.BaseDirectory, "Engine.Host.dll")}' serve --policy echo --port 0 --record '{Folder}'";
        using var process = Process.Start(new ProcessStartInfo("/bin/bash", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        try
        {
            string? ready = await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(120));
            await using var client = await OpenPiClient.ConnectAsync(new Uri(ready!.Split(' ')[1]));
            for (int i = 0; i < 12; i++) Assert.Equal(i, (await client.InferAsync(Wide(i, "reach"))).Actions[0]);
            string? said;
            do said = await process.StandardError.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
            while (said is not null && !said.Contains("recording has stopped", StringComparison.Ordinal));
            Assert.NotNull(said);
            Assert.Equal(12, (await client.InferAsync(Wide(12, "reach"))).Actions[0]);
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        // 2000 KiB hold six observations of two cameras.
        var recording = RecordingFolder.Open(Folder);
        Assert.Equal((1, 1), (recording.Recovered, recording.Count));
        Assert.Equal(5, recording.Read(0).Episode.Length);
    }

    [Fact]
    public async Task A_journal_cut_or_damaged_anywhere_gives_the_steps_before_it()
    {
        byte[] whole = await JournalOfThreeAsync();
        int step = new JournalLayout(Contract).StepBytes + JournalLayout.RecordHead, begin = whole.Length - 3 * step - 17;
        for (int length = 0; length <= whole.Length; length++)
        {
            int steps = Math.Clamp((length - begin) / step, 0, 3);
            Assert.Equal(steps < 2 ? null : steps, Steps(whole.AsSpan(0, length)));
        }

        for (int at = 0; at < whole.Length; at += 7)
        {
            byte[] damaged = [.. whole];
            damaged[at] ^= 0x10;
            int steps = at < begin ? 0 : Math.Min((at - begin) / step, 3);
            Assert.Equal(steps < 2 ? null : steps, Steps(damaged));
        }

        Assert.True(JournalReader.Read(new MemoryStream(whole), Contract)!.Success);

        static int? Steps(ReadOnlySpan<byte> journal) => JournalReader.Read(new MemoryStream(journal.ToArray()), Contract)?.States.Length;
    }

    [Fact]
    public async Task A_journal_whose_episode_was_written_just_before_the_end_makes_no_second_one()
    {
        byte[] journal = await JournalOfThreeAsync();
        string left = Path.Combine(Journals, "left.journal");
        for (int i = 0; i < 2; i++)
        {
            File.WriteAllBytes(left, journal);
            var folder = RecordingFolder.Open(Folder);
            Assert.Equal(1, folder.Count);
            Assert.Equal(2, folder.Read(0).Episode.Length);
            Assert.False(File.Exists(left));

            // The end may also come between the episode and what is kept beside it.
            File.Delete(Directory.GetFiles(Path.Combine(Folder, "served")).Single());
        }
    }

    [Fact]
    public async Task Two_servers_do_not_record_into_one_folder_and_a_reader_leaves_the_others_journals_alone()
    {
        using var policy = BuiltInPolicies.Create("echo", Contract);
        var options = Options with { Recording = new RecordingOptions(Folder, "echo", "") };
        await using (var server = await PolicyServer.StartAsync(policy, options))
        {
            Assert.Contains("another server", (await Assert.ThrowsAsync<InvalidDataException>(() => PolicyServer.StartAsync(policy, options))).Message);
            await using var client = await OpenPiClient.ConnectAsync(server.Uri);
            for (int i = 0; i < 2; i++) await client.InferAsync(Observation(i));
            await client.ResetAsync();
            for (int i = 0; i < 2; i++) await client.InferAsync(Observation(i));
            Assert.Equal(1, await WithinAsync(() => Directory.GetFiles(Path.Combine(Folder, "served")).Length, 1));
            Assert.Equal(1, await WithinAsync(() => Directory.GetFiles(Journals, "*.journal").Length, 1));
            Assert.Equal((0, 1), (RecordingFolder.Open(Folder).Recovered, RecordingFolder.Open(Folder).Count));
            Assert.Single(Directory.GetFiles(Journals, "*.journal"));
        }

        Assert.Equal(2, EpisodeStore.Open(Folder).Count);
        await using var next = await PolicyServer.StartAsync(policy, options);
    }

    private static MsgPackMap Wide(float first, string prompt) => new()
    {
        ["observation/image"] = NumpyArray.From(new byte[224 * 224 * 3], 224, 224, 3),
        ["observation/wrist_image"] = NumpyArray.From(new byte[224 * 224 * 3], 224, 224, 3),
        ["observation/state"] = NumpyArray.From([first, 1, 2, 3, 4, 5, 6, 7], 8),
        ["prompt"] = prompt,
    };

    /// <summary>Records an episode of three observations that succeeds; gives its journal as it was just before it was deleted.</summary>
    private async Task<byte[]> JournalOfThreeAsync()
    {
        using var policy = BuiltInPolicies.Create("echo", Contract);
        await using var server = await PolicyServer.StartAsync(policy, Options with { Recording = new RecordingOptions(Folder, "echo", "") });
        await using var client = await OpenPiClient.ConnectAsync(server.Uri);
        for (int i = 0; i < 3; i++) await client.InferAsync(Observation(i));
        int length = JournalLayout.HeaderBytes + 4 * JournalLayout.RecordHead + "reach the red cube".Length + 3 * new JournalLayout(Contract).StepBytes;
        string path = "";
        Assert.Equal(length, await WithinAsync(() => Directory.GetFiles(Journals, "*.journal") is [var only] ? new FileInfo(path = only).Length : 0, length));
        byte[] open = File.ReadAllBytes(path);
        byte[] end = new byte[JournalLayout.RecordHead + 1];
        end[^1] = 2;
        JournalLayout.WriteHead(JournalLayout.End, end);
        await client.ResetAsync(success: true);
        return [.. open, .. end];
    }
}
