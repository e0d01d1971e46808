using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Kernels.Interop;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Runtime.Interop;
using Engine.Runtime.Onnx;
using Engine.Runtime.Policies;
using Engine.Runtime.Weights;
using Engine.Simulation.Evaluation;
using Engine.Simulation.Tabletop;
using Engine.Training.Checkpoints;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Rollouts;
using Engine.Training.Torch;

namespace Engine.Host.Tests.Serving;

/// <summary>The exported graph against the network that it was exported from, and the whole way to a client.</summary>
public sealed class PolicyExportTests
{
    private const int Batch = 5;

    private static readonly PolicyContract s_contract = ServingFixtures.Contract with
    {
        Name = "export",
        Cameras = [new CameraSpec("front", 64, 64)],
        ActionHorizon = 2,
        ReplanEvery = 1,
        Vocabulary = ["cube", "push", "reach", "red", "the"],
        MaxWords = 6,
        ActionStatistics = new NormalisationStatistics
        {
            Q01 = [-0.02f, -0.03f, -0.04f, 0, 0, -0.5f, 0],
            Q99 = [0.02f, 0.05f, 0.04f, 0, 0, 0.5f, 1],
            Mean = new float[7],
            Std = new float[7],
            Mask = [true, true, true, true, true, true, false],
        },
        StateStatistics = new NormalisationStatistics
        {
            Q01 = [-0.5f, -0.5f, 0, 1, 0, 0, 0, 0],
            Q99 = [0.5f, 0.5f, 1, 1, 0.2f, 0.3f, 0.4f, 1],
            Mean = new float[8],
            Std = new float[8],
            Mask = [true, true, true, true, true, true, true, false],
        },
    };

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    [InlineData(0.3f)]
    public void The_graph_gives_the_networks_tokens_logits_and_actions(float temperature)
    {
        Require();
        using var network = Network(out var weights);
        using var policy = OnnxPolicy.FromBytes(VlaPolicyGraph.Build(weights, s_contract), s_contract, new OnnxSessionOptions { Threads = 1 });
        var observations = Observations();
        float[] uniforms = Uniforms();

        float[] actions = new float[Batch * 14], logits = new float[Batch * 14 * 256];
        long[] classes = new long[Batch * 14];
        policy.Act(observations, actions, classes, logits, temperature, uniforms);

        float[] expected = new float[Batch * 14];
        using var torch = new TorchPolicy(network, s_contract);
        torch.Act(observations, expected, temperature, uniforms);
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var encoding = new PolicyEncoding(s_contract);
        float[] states = (float[])observations.States.Clone();
        for (int b = 0; b < Batch; b++) encoding.NormaliseState(states.AsSpan(b * 8, 8));
        long[] tokens = [.. observations.Instructions.SelectMany(encoding.Tokenise)];
        var images = ImageBatch.FromBytes(observations.Images["front"].Span, 64, 64);
        var (torchClasses, torchLogits) = network.Act(
            images, Tensor.FromSpan(tokens, Batch, 6), Tensor.FromSpan(states, Batch, 8), temperature, uniforms);

        Assert.Equal(torchClasses.ToInt64Array(), classes);
        Close(torchLogits.ToArray(), logits, 2e-4f);
        Close(expected, actions, 1e-6f);

        // And the cache in the graph is right: the same logits without one, all tokens given.
        var forced = network.Logits(images, Tensor.FromSpan(tokens, Batch, 6), Tensor.FromSpan(states, Batch, 8), Tensor.FromSpan(classes, Batch, 14));
        Close(forced.ToArray(), logits, 2e-4f);
        Assert.InRange(classes.Distinct().Count(), 10, 70);
    }

    [Fact]
    public void Every_batch_size_gives_the_same_and_a_batch_is_not_mixed_up()
    {
        Require();
        using var network = Network(out var weights);
        using var policy = OnnxPolicy.FromBytes(VlaPolicyGraph.Build(weights, s_contract), s_contract, new OnnxSessionOptions { Threads = 1 });
        var observations = Observations();
        float[] uniforms = Uniforms(), whole = new float[Batch * 14], one = new float[14];
        policy.Act(observations, whole, 0.5f, uniforms);
        for (int b = 0; b < Batch; b++)
        {
            var single = new ObservationBatch
            {
                Count = 1,
                Instructions = [observations.Instructions[b]],
                Images = new() { ["front"] = observations.Images["front"][(b * 12288)..((b + 1) * 12288)] },
                States = observations.States[(b * 8)..(b * 8 + 8)],
            };
            policy.Act(single, one, 0.5f, uniforms.AsSpan(b * 14, 14));
            Assert.Equal(whole[(b * 14)..(b * 14 + 14)], one);
        }
    }

    [Fact]
    public async Task An_exported_folder_is_served_and_a_client_gets_the_same_actions()
    {
        Require();
        string folder = Path.Combine(Path.GetTempPath(), $"engine-policy-{Guid.NewGuid():n}");
        try
        {
            using (Network(out var weights)) PolicyDirectory.Write(folder, weights, s_contract);
            Assert.True(PolicyDirectory.Exists(folder));
            using var policy = PolicyDirectory.Load(folder, new OnnxSessionOptions { Threads = 1 });
            await using var server = await PolicyServer.StartAsync(policy, ServingFixtures.Options);
            using var served = await ServedPolicy.ConnectAsync(server.Uri, 2);
            var observations = Observations();
            float[] uniforms = Uniforms(), expected = new float[Batch * 14], actual = new float[Batch * 14];
            foreach (float temperature in new[] { 0f, 1f })
            {
                policy.Act(observations, expected, temperature, uniforms);
                served.Act(observations, actual, temperature, uniforms);
                Assert.Equal(expected, actual);
            }
        }
        finally
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, true);
        }
    }

    [Fact]
    public async Task The_simulator_drives_itself_through_the_socket_as_it_does_without()
    {
        Require();
        if (NativeLibraryLocator.TryFind("eng_mujoco") is null) Assert.Skip("libeng_mujoco.so is not here");
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 3, Threads = 1, Supersample = 1, Cameras = ["front"] });
        var contract = s_contract with { StateNames = world.Info.StateNames, ActionNames = world.Info.ActionNames };
        using (Network(out var weights))
        {
            using var local = OnnxPolicy.FromBytes(VlaPolicyGraph.Build(weights, contract), contract, new OnnxSessionOptions { Threads = 1 });
            await using var server = await PolicyServer.StartAsync(local, ServingFixtures.Options);
            using var served = await ServedPolicy.ConnectAsync(server.Uri, 3);
            EpisodeSpec[] specs = [.. Enumerable.Range(0, 3).Select(i => new EpisodeSpec("reach", "in_distribution", (ulong)i))];
            var direct = EpisodeRunner.Run(world, specs, new PolicyActor(local, 0.8f), []).ToArray();
            var remote = EpisodeRunner.Run(world, specs, new PolicyActor(served, 0.8f), []).ToArray();
            for (int i = 0; i < specs.Length; i++)
            {
                Assert.Equal(direct[i].Outcome, remote[i].Outcome);
                Assert.Equal(direct[i].Episode!.Actions, remote[i].Episode!.Actions);
                Assert.Equal(direct[i].Episode!.States, remote[i].Episode!.States);
            }

            Assert.Equal(remote.Sum(r => r.Outcome.Steps), served.Times.Count);
            TestContext.Current.TestOutputHelper!.WriteLine($"{served.Times.Count} requests, p50 {served.Times.P50:f2} ms, p99 {served.Times.P99:f2} ms");
        }
    }

    private static void Require()
    {
        if (OnnxRuntimeLibrary.TryFind() is null) Assert.Skip($"{OnnxRuntimeLibrary.FileName} is not here");
        if (NativeLibraryLocator.TryFind("eng_torch") is null) Assert.Skip("libeng_torch.so is not here");
    }

    /// <summary>A network with random weights, in the norms too, and outputs that differ clearly.</summary>
    private static VlaPolicy Network(out Dictionary<string, NamedArray> weights)
    {
        TorchRuntime.Initialise(Environment.ProcessorCount);
        var network = new VlaPolicy(new WeightInitialiser(3), new VlaArchitecture { Tokens = 7, MaxWords = 6, Horizon = 2 });
        weights = TensorConversion.ToNamedArrays(network.StateDict());
        uint stream = 100;
        foreach (string name in weights.Keys.Where(n => n.Contains("norm") || n.StartsWith("head", StringComparison.Ordinal)).ToArray())
        {
            float[] values = weights[name].ToFloat32(), noise = new float[values.Length];
            Philox.FillNormal(noise, new PhiloxKey(1, stream++));
            for (int i = 0; i < values.Length; i++) values[i] = name.StartsWith("head", StringComparison.Ordinal) ? values[i] * 8 : values[i] + 0.3f * noise[i];
            weights[name] = NamedArray.FromFloat32(values, weights[name].Shape);
        }

        network.LoadStateDict(TensorConversion.ToTensors(weights));
        return network;
    }

    private static ObservationBatch Observations()
    {
        var random = new PhiloxRandom(new PhiloxKey(9, 0));
        byte[] images = new byte[Batch * 64 * 64 * 3];
        for (int i = 0; i < images.Length; i++) images[i] = (byte)((i / 192 % 64 * 3 + i / 12288 * 40) ^ (byte)(random.NextWord() & 31));
        float[] states = new float[Batch * 8];
        for (int i = 0; i < states.Length; i++) states[i] = random.NextNormal() * 0.4f;
        return new ObservationBatch
        {
            Count = Batch,
            Instructions = ["reach the red cube", "push", "", "an unknown word, and more of them than fit", "the the the the the the"],
            Images = new() { ["front"] = images },
            States = states,
        };
    }

    private static float[] Uniforms()
    {
        float[] uniforms = new float[Batch * 14];
        Philox.FillUniform(uniforms, new PhiloxKey(2, PhiloxStream.ActionSampling));
        return uniforms;
    }

    private static void Close(float[] expected, float[] actual, float tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(MathF.Abs(expected[i] - actual[i]) <= tolerance * (1 + MathF.Abs(expected[i])))) Assert.Fail($"number {i}: expected {expected[i]}, got {actual[i]}");
        }
    }
}
