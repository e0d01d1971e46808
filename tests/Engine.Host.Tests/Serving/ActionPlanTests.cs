using Engine.Host.Commands;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Contract;
using Engine.Runtime.Weights;
using Engine.Tests.Shared;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving;

/// <summary>What a session makes of a policy's chunks before they are sent, over real sockets.</summary>
public sealed class ActionPlanTests
{
    [Fact]
    public async Task Ensembling_gives_INT_ACTs_numbers()
    {
        var golden = Npz.Read(Golden.Path("intact_ensemble.npz"));
        string[] cases = [.. golden.Keys.Where(n => n.StartsWith('e') && n.EndsWith(".in", StringComparison.Ordinal)).Select(n => n[..^3]).Where(n => golden[n + ".in"].Shape.Length == 3)];
        Assert.NotEmpty(cases);
        int compared = 0;
        foreach (string name in cases)
        {
            int horizon = (int)golden[name + ".in"].Shape[1], chunks = (int)golden[name + ".horizon"].ToFloat32()[0];
            if (chunks < 2) continue;
            float[] given = golden[name + ".in"].ToFloat32(), expected = golden[name + ".out"].ToFloat32();
            int next = 0;
            using var policy = new ScriptedPolicy(Contract with { ActionHorizon = horizon, ReplanEvery = 1 }, (_, actions, _, _) =>
            {
                given.AsSpan(next, actions.Length).CopyTo(actions);
                next = (next + actions.Length) % given.Length;
            });
            await using var server = await PolicyServer.StartAsync(
                policy, Options with { ExecuteChunks = true, Ensemble = new EnsembleOptions(chunks, golden[name + ".temp"].ToFloat32()[0]) });
            next = 0;
            await using var client = await OpenPiClient.ConnectAsync(server.Uri);
            Assert.Equal(1L, client.Metadata["action_horizon"]);
            for (int episode = 0; episode < 2; episode++)
            {
                for (int step = 0; step < expected.Length / 7; step++)
                {
                    var reply = await client.InferAsync(Observation());
                    Assert.Equal((1, 7), (reply.Horizon, reply.Width));
                    for (int i = 0; i < 7; i++) Assert.Equal(expected[step * 7 + i], reply.Actions[i], 1e-5f);
                    compared++;
                }

                await client.ResetAsync();
            }
        }

        Assert.True(compared > 20);
    }

    [Fact]
    public async Task Chunks_overlap_by_what_is_carried_out_and_sessions_keep_theirs_apart()
    {
        // Chunk n of a session says 10·n + row + 100·session for every number.
        var counts = new float[2];
        using var policy = new ScriptedPolicy(Contract with { ActionHorizon = 4, ReplanEvery = 2 }, (observations, actions, _, _) =>
        {
            for (int b = 0; b < observations.Count; b++)
            {
                int session = (int)observations.States[8 * b];
                for (int i = 0; i < 28; i++) actions[28 * b + i] = 100 * session + 10 * counts[session] + i / 7;
                counts[session]++;
            }
        });
        await using var server = await PolicyServer.StartAsync(policy, Options with { Ensemble = new EnsembleOptions(2, 0) });
        counts.AsSpan().Clear();
        await using var first = await OpenPiClient.ConnectAsync(server.Uri);
        await using var second = await OpenPiClient.ConnectAsync(server.Uri);
        Assert.Equal((float[])[0f, 1, 2, 3], await RowsAsync(first, 0));
        Assert.Equal((float[])[100f, 101, 102, 103], await RowsAsync(second, 1));

        // Now is the old chunk's row 2: (2 + 10) / 2, (3 + 11) / 2; then the old chunk has ended.
        Assert.Equal((float[])[6f, 7, 12, 13], await RowsAsync(first, 0));
        await second.ResetAsync();
        Assert.Equal((float[])[110f, 111, 112, 113], await RowsAsync(second, 1));
        Assert.Equal((float[])[16f, 17, 22, 23], await RowsAsync(first, 0));

        static async Task<float[]> RowsAsync(OpenPiClient client, int session)
        {
            float[] actions = (await client.InferAsync(Observation(session))).Actions;
            return [.. actions.Where((_, i) => i % 7 == 0)];
        }
    }

    [Fact]
    public async Task A_server_that_carries_chunks_out_asks_the_policy_every_few_requests()
    {
        int asked = 0;
        using var policy = new ScriptedPolicy(Contract with { ActionHorizon = 5, ReplanEvery = 3 }, (_, actions, _, _) =>
        {
            for (int i = 0; i < actions.Length; i++) actions[i] = 10 * asked + i / 7;
            asked++;
        });
        await using var server = await PolicyServer.StartAsync(policy, Options with { ExecuteChunks = true });
        asked = 0;
        await using var client = await OpenPiClient.ConnectAsync(server.Uri);
        var got = new List<float>();
        for (int i = 0; i < 5; i++) got.Add((await client.InferAsync(Observation())).Actions[0]);
        var other = Observation();
        other["prompt"] = "push";
        got.Add((await client.InferAsync(other)).Actions[0]);
        await client.ResetAsync();
        got.Add((await client.InferAsync(other)).Actions[0]);
        got.Add((await client.InferAsync(other)).Actions[0]);
        Assert.Equal([0f, 1, 2, 10, 11, 20, 30, 31], got);
        Assert.Equal(4, asked);
        Assert.Equal(4, server.Metrics.Inferences);
    }

    [Fact]
    public async Task Actions_beyond_step_limits_and_workspace_are_clamped_and_counted()
    {
        // The arm stands at x = 0.98 of −1 … 1 and z = −0.1, below the workspace that begins at 0; steps are at most 0.05.
        using var policy = new ScriptedPolicy(Contract, (_, actions, _, _) =>
        {
            for (int row = 0; row < 3; row++) new float[] { 0.04f, -0.2f, -0.03f, 0, 0, 0.01f, 1 }.CopyTo(actions[(7 * row)..]);
        });
        var observation = Observation();
        observation["observation/state"] = NumpyArray.From([0.98f, 0, -0.1f, 1, 0, 0, 0, 1], 8);
        await using (var server = await PolicyServer.StartAsync(policy, Options with { Limits = LimitMode.Clamp }))
        {
            await using var client = await OpenPiClient.ConnectAsync(server.Uri);
            float[] actions = (await client.InferAsync(observation)).Actions;
            Assert.Equal([0.02f, 0, 0], new[] { actions[0], actions[7], actions[14] }.Select(x => MathF.Round(x, 5)));
            Assert.All([1, 8, 15], i => Assert.Equal(-0.05f, actions[i]));
            Assert.All([2, 9, 16], i => Assert.Equal(0, actions[i]));
            Assert.All([5, 12, 19], i => Assert.Equal(0.01f, actions[i]));
            Assert.All([6, 13, 20], i => Assert.Equal(1, actions[i]));
            Assert.Equal(1, server.Metrics.ClampedReplies);
            Assert.Contains("engine_actions_clamped_total 1\n", server.Metrics.ToPrometheus());
        }

        await using var refusing = await PolicyServer.StartAsync(policy, Options with { Limits = LimitMode.Refuse });
        await using (var client = await OpenPiClient.ConnectAsync(refusing.Uri))
        {
            var error = await Assert.ThrowsAsync<OpenPiServerException>(() => client.InferAsync(observation));
            Assert.Contains("x (m)", error.Message);
            Assert.Contains("nothing was sent", error.Message);
        }

        Assert.Equal(1, refusing.Metrics.RefusedReplies);
    }

    [Fact]
    public async Task A_limit_that_is_kept_changes_nothing_and_a_refusal_forgets_its_chunk()
    {
        float step = 0.05f;
        using var policy = new ScriptedPolicy(Contract, (_, actions, _, _) => actions.Fill(step));
        var observation = Observation();
        observation["observation/state"] = NumpyArray.From([0f, 0, 0.5f, 1, 0, 0, 0, 1], 8);
        await using var server = await PolicyServer.StartAsync(policy, Options with { Limits = LimitMode.Refuse, ExecuteChunks = true });
        await using (var client = await OpenPiClient.ConnectAsync(server.Uri))
        {
            Assert.Equal(0.05f, (await client.InferAsync(observation)).Actions[0]);
            Assert.Equal(0.05f, (await client.InferAsync(observation)).Actions[0]);
            step = 0.06f;
            await Assert.ThrowsAsync<OpenPiServerException>(() => client.InferAsync(observation));
        }

        step = 0.01f;
        await using var next = await OpenPiClient.ConnectAsync(server.Uri);
        Assert.Equal(0.01f, (await next.InferAsync(observation)).Actions[0]);
        Assert.Equal(0, server.Metrics.ClampedReplies);
    }

    [Fact]
    public async Task A_sticky_gripper_holds_its_wish_for_the_actions_that_are_carried_out()
    {
        float gripper = 1;
        using var policy = new ScriptedPolicy(Contract, (_, actions, _, _) =>
        {
            actions.Clear();
            for (int row = 0; row < 3; row++) actions[7 * row + 6] = gripper;
        });
        await using var server = await PolicyServer.StartAsync(policy, Options with { StickyGripper = 3 });
        await using var client = await OpenPiClient.ConnectAsync(server.Uri);

        // Open is −1 for this gripper. Two of three actions are carried out, so one of the wish's three steps is left for the next chunk.
        Assert.Equal((float[])[-1f, -1, -1], await GripperAsync());
        gripper = 0.5f;
        Assert.Equal((float[])[-1f, 0, 0], await GripperAsync());
        gripper = 0;
        Assert.Equal((float[])[1f, 1, 1], await GripperAsync());
        await client.ResetAsync();
        gripper = 0.5f;
        Assert.Equal((float[])[0f, 0, 0], await GripperAsync());

        async Task<float[]> GripperAsync() => [.. (await client.InferAsync(Observation())).Actions.Where((_, i) => i % 7 == 6)];
    }

    [Theory]
    [InlineData("replan")]
    [InlineData("ensemble")]
    [InlineData("one chunk")]
    [InlineData("width")]
    [InlineData("gripper")]
    public async Task Options_that_do_not_fit_the_contract_are_refused_at_the_start(string what)
    {
        using var policy = BuiltInPolicies.Create("zero", what == "width" ? Contract with { ActionNames = ["a", "b"] } : Contract);
        var options = what switch
        {
            "replan" => Options with { ReplanEvery = 4 },
            "ensemble" => Options with { Ensemble = new EnsembleOptions(3, 0) },
            "one chunk" => Options with { Ensemble = new EnsembleOptions(1, 0) },
            "width" => Options with { Limits = LimitMode.Clamp },
            _ => Options with { StickyGripper = -1 },
        };
        await Assert.ThrowsAnyAsync<ArgumentException>(() => PolicyServer.StartAsync(policy, options));
    }

    [Fact]
    public void The_settings_reach_the_options()
    {
        var settings = Engine.Host.Configuration.ConfigurationLoader.Load<ServeSettings>(
            null, ["replan_every=2", "execute_chunks=true", "ensemble=4", "ensemble_temperature=-0.8", "limits=refuse", "sticky_gripper=15"]);
        var options = settings.ToOptions(null);
        Assert.Equal((2, true, new EnsembleOptions(4, -0.8), LimitMode.Refuse, 15), (options.ReplanEvery, options.ExecuteChunks, options.Ensemble, options.Limits, options.StickyGripper));
    }
}
