using Engine.Host.Commands;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.Recording;
using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving;

public sealed class RecordingTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("engine-recording-").FullName;

    private readonly Lock _gate = new();

    private string Folder => Path.Combine(_root, "recording");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Episodes_end_with_a_reset_another_instruction_and_the_session()
    {
        await ServeAsync(async client =>
        {
            for (int i = 0; i < 4; i++) await client.InferAsync(Observation(i));
            await client.ResetAsync(success: true);
            for (int i = 0; i < 3; i++) await client.InferAsync(Observation(10 + i));
            var other = Observation(20);
            other["prompt"] = "push the ball";
            await client.InferAsync(other);
            other["observation/state"] = NumpyArray.From([21f, 1, 2, 3, 4, 5, 6, 7], 8);
            await client.InferAsync(other);
        });
        var store = EpisodeStore.Open(Folder);
        Assert.Equal(3, store.Count);
        Episode first = store.Read(0), second = store.Read(1), third = store.Read(2);
        Assert.Equal((3, true, true, "reach the red cube", "remote"), (first.Length, first.Success, first.Terminated, first.Instruction, first.Actor));
        Assert.Equal((2, false, false), (second.Length, second.Success, second.Terminated));
        Assert.Equal((1, "push the ball"), (third.Length, third.Instruction));
        Assert.Equal([0f, 1, 2, 3], Enumerable.Range(0, 4).Select(t => first.States[t, 0]));
        Assert.Equal([0f, 1, 2], Enumerable.Range(0, 3).Select(t => first.Actions[t, 0]));
        Assert.Equal(4 * 6 * 8 * 3, first.Images["top"].Length);

        var (_, chunks) = RecordingFolder.Open(Folder).Read(0);
        Assert.Equal([3f, 1, 2, 3, 4, 5, 6], chunks[(3 * 21)..(3 * 21 + 7)]);
    }

    [Fact]
    public async Task A_recording_goes_on_with_the_same_policy_only()
    {
        for (int i = 0; i < 2; i++)
        {
            await ServeAsync(async client =>
            {
                await client.InferAsync(Observation(1));
                await client.InferAsync(Observation(2));
            });
        }

        Assert.Equal(2, EpisodeStore.Open(Folder).Count);
        using var policy = BuiltInPolicies.Create("zero", Contract);
        var error = await Assert.ThrowsAsync<InvalidDataException>(() => PolicyServer.StartAsync(policy, Options with { Recording = new RecordingOptions(Folder, "zero", "") }));
        Assert.Contains("another policy", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disk_that_fails_stops_the_recording_and_not_the_server()
    {
        var notes = new List<string>();
        await ServeAsync(
            async client =>
            {
                await client.InferAsync(Observation(1));
                await client.InferAsync(Observation(2));
                Directory.Delete(Folder, recursive: true);
                File.WriteAllText(Folder, "in the way");
                await client.ResetAsync();
                for (int i = 0; i < 3000; i++)
                {
                    Assert.Equal(3, (await client.InferAsync(Observation(3))).Horizon);
                    lock (_gate)
                    {
                        if (notes.Count > 0) break;
                    }

                    await Task.Delay(10);
                }
            },
            notes);
        Assert.Contains("recording has stopped", Assert.Single(notes), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replay_of_the_same_policy_differs_in_nothing_and_of_another_in_what_it_gives()
    {
        await ServeAsync(async client =>
        {
            for (int i = 0; i < 3; i++) await client.InferAsync(Observation(i));
        });
        var folder = RecordingFolder.Open(Folder);
        using var replay = new ReplayPolicy(Folder);
        var actions = new float[21];
        for (int i = 0; i < 4; i++)
        {
            replay.Act(ObservationReader.NewBatch(replay.Contract, 1), actions);
            Assert.Equal(i % 3, actions[0]);
        }

        Assert.Equal(folder.Contract.Cameras, replay.Contract.Cameras);
        using StringWriter output = new(), error = new();
        Assert.Equal(0, await CommandLine.RunAsync(["replay", Folder, "--policy", "replay:" + Folder, "--tolerance", "0", "--quiet"], output, error));
        Assert.Contains("3 answers, 3 the same bit for bit (100.0 %)", output.ToString(), StringComparison.Ordinal);
        Assert.NotEqual(0, await CommandLine.RunAsync(["replay", Folder, "--policy", "echo", "--quiet"], output, error));
        Assert.Contains("other cameras or another horizon", error.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Environments act in changing groups; each has a session, and an episode is one environment's.</summary>
    [Fact]
    public async Task Environments_that_act_in_changing_groups_are_not_mixed_up()
    {
        using var policy = BuiltInPolicies.Create("echo", Contract);
        await using (var server = await PolicyServer.StartAsync(policy, Options with { Recording = new RecordingOptions(Folder, "echo", "") }))
        {
            using var served = await ServedPolicy.ConnectAsync(server.Uri, connections: 2);
            int[] steps = [0, 0];
            foreach (int[] group in new[] { [0, 1], [1], [1, 0], [0], new[] { 0, 1 } })
            {
                var fresh = ObservationReader.NewBatch(Contract, group.Length);
                for (int i = 0; i < group.Length; i++) fresh.States[8 * i] = 100 * group[i] + steps[group[i]];
                var batch = new ObservationBatch
                {
                    Count = group.Length,
                    Instructions = [.. group.Select(_ => "reach the red cube")],
                    Images = fresh.Images,
                    States = fresh.States,
                    Environments = group,
                    Begins = Array.ConvertAll(group, environment => steps[environment] % 2 == 0),
                };
                served.Act(batch, new float[group.Length * 21]);
                foreach (int environment in group) steps[environment]++;
            }
        }

        var store = EpisodeStore.Open(Folder);
        float[][] firsts = [.. Enumerable.Range(0, store.Count).Select(store.Read).Select(e => Enumerable.Range(0, e.Length + 1).Select(t => e.States[t, 0]).ToArray()).OrderBy(states => states[0])];
        Assert.Equal([[0f, 1], [2f, 3], [100f, 101], [102f, 103]], firsts);
    }

    [Fact]
    public void A_pose_and_its_state_belong_together()
    {
        float[] command = [0.1f, -0.2f, 0.05f, 0.3f, -0.4f, 0.7f, 1], state = new float[8], back = new float[7];
        EmbodimentSpec.ToState(command, state);
        EmbodimentSpec.ToCommand(state, back);
        for (int i = 0; i < 7; i++) Assert.Equal(command[i], back[i], 5);
    }

    [Fact]
    public async Task A_client_switches_to_names_of_the_catalogue_and_to_nothing_else()
    {
        using var policy = BuiltInPolicies.Create("echo", Contract);
        var options = Options with
        {
            Catalogue = new Dictionary<string, Func<IPolicy>>
            {
                ["still"] = () => BuiltInPolicies.Create("zero", Contract),
                ["wide"] = () => BuiltInPolicies.Create("zero"),
            },
        };
        await using var server = await PolicyServer.StartAsync(policy, options);
        Assert.Null(await SwitchAsync("still"));
        await using (var client = await OpenPiClient.ConnectAsync(server.Uri)) Assert.Equal(0, (await client.InferAsync(Observation(5))).Actions[0]);
        Assert.Contains("there are still, wide", await SwitchAsync("../../etc/passwd"), StringComparison.Ordinal);
        Assert.Contains("the old policy stays", await SwitchAsync("wide"), StringComparison.Ordinal);
        await using (var client = await OpenPiClient.ConnectAsync(server.Uri)) Assert.Equal(0, (await client.InferAsync(Observation(5))).Actions[0]);

        async Task<string?> SwitchAsync(string name)
        {
            await using var client = await OpenPiClient.ConnectAsync(server.Uri);
            try
            {
                await client.SwitchAsync(name);
                return null;
            }
            catch (OpenPiServerException error)
            {
                return error.Message;
            }
        }
    }

    private async Task ServeAsync(Func<OpenPiClient, Task> drive, List<string>? notes = null)
    {
        using var policy = BuiltInPolicies.Create("echo", Contract);
        var options = Options with
        {
            Recording = new RecordingOptions(Folder, "echo", ""),
            Log = text =>
            {
                lock (_gate) notes?.Add(text);
            },
        };
        await using var server = await PolicyServer.StartAsync(policy, options);
        await using var client = await OpenPiClient.ConnectAsync(server.Uri);
        await drive(client);
    }
}
