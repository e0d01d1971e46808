using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Training.Algorithms;
using Engine.Training.Models;
using Engine.Training.Tests.Learning;
using Engine.Training.Tests.Rollouts;
using Engine.Training.Tests.Torch;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Devices;

/// <summary>
/// Every training of the program on another device than the processor, beside the processor: the same losses, and weights that stay where they are. A
/// tensor that is made on the processor by mistake ends the step with an error.
/// </summary>
public sealed class DeviceTrainingTests
{
    private static readonly BehaviourCloning.Options Cloning = new() { Steps = 4, Batch = 8, SmoothingBins = 0.5, StateDropout = 0.5 };

    public static TheoryData<string> Devices => OtherDevice.Names;

    [Theory]
    [MemberData(nameof(Devices))]
    public void The_autoencoder(string name) => Compare(name, () =>
    {
        var world = new TinyWorld(4, 3);
        var (model, losses) = AutoencoderTraining.Run(world.Set, new() { Steps = 4, Batch = 6, Width = 8 }, 1, null, SilentProgress.Instance, default);
        using (model)
        {
            Assert.Equal(DeviceScope.Current, model.Device);
            using var scope = new TensorScope();
            return [.. losses, .. model.StateDict()["latent_std"].ToArray()];
        }
    });

    [Theory]
    [MemberData(nameof(Devices))]
    public void The_world_model_by_both_objectives(string name) => Compare(name, () =>
    {
        var results = new List<float>();
        foreach (string objective in (string[])["teacher_forced", "independent"])
        {
            bool forced = objective == "teacher_forced";
            var world = new TinyWorld(4, 6);
            var options = new WorldModelTraining.Options { Objective = objective, Steps = 5, Batch = 4, Frames = 4, Dim = 16, Layers = 1, Heads = 2, Window = 3, PreviousFrameInput = forced, PredictChange = forced };
            var (model, losses) = WorldModelTraining.Run(Clips(world), options, 2, null, null, SilentProgress.Instance, default);
            using (model)
            {
                Assert.Equal(DeviceScope.Current, model.Device);
                results.AddRange(losses);
                results.AddRange(Sums(model));
            }
        }

        return [.. results];
    });

    [Theory]
    [MemberData(nameof(Devices))]
    public void Behaviour_cloning_and_acting(string name) => Compare(name, () =>
    {
        var world = new TinyWorld(6, 4, bins: 16);
        var (policy, losses) = BehaviourCloning.Run(world.Set, world.Images, world.Encoding, world.Architecture(), Cloning, 1, null, null, SilentProgress.Instance, default);
        using (policy)
        {
            Assert.Equal(DeviceScope.Current, policy.Device);
            // Whoever lets the policy act need not know where it is.
            using var processor = new DeviceScope(TorchDevice.Cpu);
            using var actor = new Engine.Training.Rollouts.TorchPolicy(policy, world.Contract);
            var states = new float[2 * 8];
            for (int i = 0; i < 8; i++) (states[i], states[8 + i]) = (world.Set.Episodes[0].States[0, i], world.Set.Episodes[1].States[0, i]);
            byte[] images = [.. world.Set.Image(0, 0), .. world.Set.Image(1, 0)];
            var actions = new float[14];
            var uniforms = new float[14];
            Philox.FillUniform(uniforms, new PhiloxKey(3, PhiloxStream.ActionSampling));
            actor.Act(new ObservationBatch { Count = 2, Images = new Dictionary<string, ReadOnlyMemory<byte>> { [TinyWorld.CameraName] = images }, States = states, Instructions = [world.Set.Episodes[0].Instruction, world.Set.Episodes[1].Instruction] }, actions, 1, uniforms);
            return [.. losses, .. actions];
        }
    });

    [Theory]
    [MemberData(nameof(Devices))]
    public void The_success_classifier_and_the_reward(string name) => Compare(name, () =>
    {
        var world = new TinyWorld(8, 3);
        using var start = new VlaPolicy(new WeightInitialiser(1), world.Architecture());
        var (classifier, losses) = SuccessClassifierTraining.Run(world.Set, [world.Images], world.Encoding, start, new() { Steps = 4, Batch = 8 }, 1, null, SilentProgress.Instance, default);
        using (classifier)
        {
            float[][] scores = SuccessClassifierTraining.Score(classifier, world.Set, world.Images, world.Encoding);
            float[][] features = RewardTraining.Features(classifier, world.Set, world.Images);
            var (reward, rewardLosses) = RewardTraining.Run(world.Set, features, classifier, world.Embodiment, new() { Steps = 4, Batch = 4, Draws = 3, Hidden = 16 }, 1, null, SilentProgress.Instance, default);
            using (reward.Network)
            {
                Assert.Equal(DeviceScope.Current, reward.Network.Device);
                float[][] rewards = RewardTraining.Score(reward, world.Set, features, classifier.FeatureWidth);
                return [.. losses, .. scores.SelectMany(s => s), .. rewardLosses, .. rewards.SelectMany(r => r)];
            }
        }
    });

    [Theory]
    [MemberData(nameof(Devices))]
    public void The_offline_actor_critic(string name) => Compare(name, () =>
    {
        var world = new TinyWorld(8, 4, bins: 16);
        const int width = 6;
        var features = new float[8][];
        var rewards = new float[8][];
        for (int e = 0; e < 8; e++)
        {
            features[e] = new float[5 * width];
            Philox.FillNormal(features[e], new PhiloxKey(4, PhiloxStream.Latent, (uint)e));
            rewards[e] = [0, 1, 0, 1];
        }

        using var policy = new VlaPolicy(new WeightInitialiser(6), world.Architecture());
        var options = new OfflineActorCritic.Options { CriticRounds = 1, CriticSteps = 3, ActorSteps = 3, Batch = 8 };
        // The policy says where it is; who calls need not.
        using var processor = new DeviceScope(TorchDevice.Cpu);
        var report = OfflineActorCritic.Run(policy, world.Set, world.Images, world.Set, world.Images, new(features, rewards, width), world.Encoding, Cloning, options, 3, null, SilentProgress.Instance, default);
        return [.. report.CriticLosses, .. report.ActorLosses, (float)report.ExplainedVariance];
    });

    [Theory]
    [MemberData(nameof(Devices))]
    public void Ppo_in_the_dream(string name) => Compare(name, () =>
    {
        var world = new TinyWorld(6, 3, bins: 16);
        using var dream = new TinyDream(world, 2, aimed: false);
        using var environment = dream.Environment(6, 3);
        using var policy = new VlaPolicy(new WeightInitialiser(2), world.Architecture());
        var options = new PpoOptions { Iterations = 2, CriticWarmup = 1, Environments = 6, RolloutSteps = 4, Epochs = 1, Minibatch = 12, KlWeight = 0.1, EntropyWeight = 0.01, CheckEvery = 0, BootstrapAtLimit = true };
        using var processor = new DeviceScope(TorchDevice.Cpu);
        var history = new DreamPpo(policy, environment, world.Encoding, options, 3, 11).Run(null, null, SilentProgress.Instance, default);
        Assert.All(history.Skip(1), i => Assert.True(i.FirstRatioError < 1e-4));
        return [.. history.SelectMany(i => new[] { i.MeanReward, i.PolicyLoss, i.ValueLoss, i.Entropy, i.ApproximateKl, i.KlToStart, i.ExplainedVariance }).Select(v => (float)v), .. Sums(policy)];
    });

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_loop_makes_its_batches_where_its_model_is(string name)
    {
        TorchDevice device = OtherDevice.Open(name);
        DreamCritic model;
        using (new DeviceScope(device)) model = new DreamCritic(new WeightInitialiser(1), 4, 8);
        using (model)
        {
            using var optimizer = new AdamW(model.Parameters(), 1e-2);
            var loop = new TrainingLoop { Name = "critic", Model = model, Optimizer = optimizer, Steps = 3, LearningRate = 1e-2 };
            float[] losses = loop.Run(_ => Functional.MseLoss(model.Forward(Tensor.FromSpan([1f, 2, 3, 4], 1, 4)), Tensor.Ones(1)), SilentProgress.Instance, default);
            Assert.True(losses[2] < losses[0]);
            Assert.True(DeviceScope.Current.IsCpu);
        }
    }

    /// <summary>Stopped on one device and gone on with on the other, a run gives what an uninterrupted one gives.</summary>
    [Theory]
    [InlineData("emulated", true)]
    [InlineData("emulated", false)]
    [InlineData("cuda", true)]
    [InlineData("cuda", false)]
    public void A_checkpoint_of_one_device_is_gone_on_with_on_another(string name, bool from)
    {
        TorchDevice device = OtherDevice.Open(name);
        string root = Directory.CreateTempSubdirectory("engine-device").FullName;
        try
        {
            var clips = Clips(new TinyWorld(4, 6));
            float[] Train(TorchDevice where, string? checkpoint, int stopAfter)
            {
                using var scope = new DeviceScope(where);
                using var cancellation = new CancellationTokenSource();
                var options = new WorldModelTraining.Options { Steps = 8, Batch = 4, Frames = 4, Dim = 16, Layers = 1, Heads = 2, Window = 3 };
                var (model, losses) = WorldModelTraining.Run(clips, options, 2, checkpoint, null, new StopAfter(stopAfter, cancellation), cancellation.Token);
                using (model) return [.. losses, .. Sums(model)];
            }

            string folder = Path.Combine(root, "run");
            Assert.Throws<OperationCanceledException>(() => Train(from ? device : TorchDevice.Cpu, folder, 4));
            Expect.Near(Train(TorchDevice.Cpu, null, int.MaxValue), Train(from ? TorchDevice.Cpu : device, folder, int.MaxValue), 2e-3, 2e-3);
        }
        finally
        {
            Directory.Delete(root, true);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Moments_averages_and_gradients_are_where_the_weights_are(string name)
    {
        TorchDevice device = OtherDevice.Open(name);
        using var scope = new TensorScope();
        using var on = new DeviceScope(device);
        using var critic = new DreamCritic(new WeightInitialiser(1), 4, 8);
        using var optimizer = new AdamW(critic.Parameters(), 1e-2);
        using var ema = new Ema(critic, 0.9, warmup: false);
        critic.Forward(Tensor.Ones(3, 4)).Sum().Backward();
        Assert.All(critic.Parameters(), p => Assert.Equal(device, p.Grad!.Device));
        optimizer.Step();
        ema.Update();
        Assert.All(optimizer.StateDict().Where(pair => pair.Key != "step"), pair => Assert.Equal(device, pair.Value.Device));
        Assert.All(ema.StateDict().Values, tensor => Assert.Equal(device, tensor.Device));
    }

    /// <summary>The same on the processor and on the device; sums in another order are allowed for.</summary>
    private static void Compare(string name, Func<float[]> train)
    {
        TorchDevice device = OtherDevice.Open(name);
        float[] expected = train(), actual;
        using (new DeviceScope(device)) actual = train();
        Assert.All(expected, value => Assert.True(float.IsFinite(value)));
        Expect.Near(expected, actual, 2e-3, 2e-3);
    }

    private static float[] Sums(Module model)
    {
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        return [.. model.Parameters().Select(p => p.Abs().Mean().Item())];
    }

    private static WorldModelTraining.Clips Clips(TinyWorld world)
    {
        using var processor = new DeviceScope(TorchDevice.Cpu);
        using var trained = new VariationalAutoencoder(new WeightInitialiser(7), 4, 8);
        using var autoencoder = trained.ToRuntime(world.Camera.Height, world.Camera.Width);
        return new(AutoencoderTraining.Encode(autoencoder, world.Set, SilentProgress.Instance, default), world.Set.Episodes, world.Embodiment, 2, 2, 4);
    }

    /// <summary>Asks to stop when a task has advanced so far.</summary>
    private sealed class StopAfter(int steps, CancellationTokenSource cancellation) : IProgressReporter, IProgressTask
    {
        private int _seen;

        public IProgressTask Begin(string name, long total, string unit) => this;

        public void Note(string message)
        {
        }

        public void Advance(long units = 1, string? detail = null)
        {
            _seen += (int)units;
            if (_seen >= steps) cancellation.Cancel();
        }

        public void Dispose()
        {
        }
    }
}
