using Engine.Kernels.Ops.Gae;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Training.Algorithms.Models;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>
/// Offline actor-critic on recorded episodes (ImagineAct's form). Critic: an MLP on frozen features, regressed on TD(λ) returns that are
/// recomputed as it improves. Actor: <c>−log π(a|s)·Â + bc·CE(demonstrations)</c>, Â the advantages of the recorded actions,
/// normalised over the data and clipped, so that bad actions are avoided only as far as the demonstrations hold the policy in place.
/// </summary>
public static class OfflineActorCritic
{
    public sealed class Options
    {
        /// <summary>Rounds of recomputing returns and fitting the critic.</summary>
        public int CriticRounds { get; set; } = 8;

        /// <summary>Critic minibatches a round.</summary>
        public int CriticSteps { get; set; } = 100;

        public double CriticLearningRate { get; set; } = 1e-3;

        public int ActorSteps { get; set; } = 250;

        public int Batch { get; set; } = 64;

        public double LearningRate { get; set; } = 2e-4;

        public double Gamma { get; set; } = 0.98;

        public double Lambda { get; set; } = 0.95;

        public double AdvantageLow { get; set; } = -0.25;

        public double AdvantageHigh { get; set; } = 2;

        /// <summary>Weight of the policy gradient against the cloning term.</summary>
        public double PolicyWeight { get; set; } = 0.3;

        public double CloningWeight { get; set; } = 1;
    }

    /// <summary>Per-step rewards and per-frame features of the recorded episodes.</summary>
    /// <param name="Features">[T + 1, F] by episode.</param>
    /// <param name="Rewards">[T] by episode.</param>
    /// <param name="Width">F.</param>
    public sealed record Scored(float[][] Features, float[][] Rewards, int Width);

    /// <summary>What the run reports.</summary>
    public sealed record Report(float[] CriticLosses, float[] ActorLosses, double ExplainedVariance);

    /// <param name="policy">Policy to improve, in place.</param>
    /// <param name="all">All recorded episodes.</param>
    /// <param name="allReconstructions">Their frames through the autoencoder.</param>
    /// <param name="demonstrations">Episodes for the cloning term.</param>
    /// <param name="demonstrationReconstructions">Their frames through the autoencoder.</param>
    /// <param name="scored">Rewards and features of <paramref name="all"/>.</param>
    /// <param name="encoding">Units and tokens.</param>
    /// <param name="cloning">Augmentation settings.</param>
    /// <param name="options">Settings.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="checkpoint">Folder to resume the actor from; null for none.</param>
    /// <param name="progress">Where progress goes.</param>
    /// <param name="cancellation">Stops the run.</param>
    public static Report Run(VlaPolicy policy, TrainingSet all, byte[][] allReconstructions, TrainingSet demonstrations, byte[][] demonstrationReconstructions, Scored scored, PolicyEncoding encoding, BehaviourCloning.Options cloning, Options options, ulong seed, string? checkpoint, IProgressReporter progress, CancellationToken cancellation)
    {
        using var device = new DeviceScope(policy.Device);
        var critic = new ValueCritic(new WeightInitialiser(seed ^ 0x4F43), scored.Width, 256, 256);
        var (advantages, criticLosses, explained) = FitCritic(critic, all, scored, options, seed, progress, cancellation);

        Normalise(advantages);
        var sampler = new PolicyBatchSampler(all, allReconstructions, encoding, cloning, seed ^ 0x41);
        var demonstrationSampler = new PolicyBatchSampler(demonstrations, demonstrationReconstructions, encoding, cloning, seed ^ 0x44);
        var active = ActiveTokens(encoding);
        var optimizer = new AdamW(policy.Parameters(), options.LearningRate, weightDecay: 1e-4);
        var loop = new TrainingLoop { Name = "offline actor", Model = policy, Optimizer = optimizer, Steps = options.ActorSteps, LearningRate = options.LearningRate, CheckpointFolder = checkpoint };
        var actorLosses = loop.Run(step =>
        {
            var batch = sampler.Draw(step, options.Batch);
            var weights = new float[batch.Count];
            for (int i = 0; i < weights.Length; i++)
                weights[i] = Math.Clamp(advantages[batch.Steps[i]], (float)options.AdvantageLow, (float)options.AdvantageHigh);
            var logProbability = policy.Logits(batch.Images, batch.Tokens, batch.States, batch.Classes).LogSoftmax(2)
                .Gather(2, batch.Classes.Unsqueeze(2)).Squeeze(2);
            var gradient = -((logProbability * Tensor.FromSpan(active, 1, active.Length)).Sum(1) * Tensor.FromSpan(weights, weights.Length)).Mean();
            var shown = demonstrationSampler.Draw(step, options.Batch);
            var clone = BehaviourCloning.Loss(policy.Logits(shown.Images, shown.Tokens, shown.States, shown.Classes), shown, demonstrationSampler.SmoothedTargets);
            return gradient * options.PolicyWeight + clone * options.CloningWeight;
        }, progress, cancellation);
        return new Report(criticLosses, actorLosses, explained);
    }

    private static (float[] Advantages, float[] Losses, double ExplainedVariance) FitCritic(ValueCritic critic, TrainingSet data, Scored scored, Options options, ulong seed, IProgressReporter progress, CancellationToken cancellation)
    {
        var optimizer = new AdamW(critic.Parameters(), options.CriticLearningRate, weightDecay: 1e-4);
        var losses = new List<float>();
        var (advantages, returns, values) = Evaluate(critic, data, scored, options);
        using var task = progress.Begin("offline critic", (long)options.CriticRounds * options.CriticSteps, "steps");
        for (int round = 0; round < options.CriticRounds; round++)
        {
            for (int s = 0; s < options.CriticSteps; s++)
            {
                cancellation.ThrowIfCancellationRequested();
                using var scope = new TensorScope();
                var random = new PhiloxRandom(new PhiloxKey(seed, PhiloxStream.MinibatchOrder, 7, (uint)round, (uint)s));
                const int count = 256;
                var features = new float[count * scored.Width];
                var targets = new float[count];
                for (int i = 0; i < count; i++)
                {
                    int step = random.NextInt(data.StepCount);
                    var (e, t) = data.StepAt(step);
                    scored.Features[e].AsSpan(t * scored.Width, scored.Width).CopyTo(features.AsSpan(i * scored.Width));
                    targets[i] = returns[step];
                }

                var loss = Functional.MseLoss(critic.Forward(Tensor.FromSpan(features, count, scored.Width)).Reshape(count), Tensor.FromSpan(targets, count));
                optimizer.ZeroGrad();
                loss.Backward();
                Gradients.ClipNorm(critic.Parameters(), 1);
                optimizer.Step();
                losses.Add(loss.Item());
                task.Advance(1, $"loss {losses[^1]:F4}");
            }

            (advantages, returns, values) = Evaluate(critic, data, scored, options);
        }

        return (advantages, [.. losses], Rollouts.Rollout.ExplainedVariance(values, returns));
    }

    /// <summary>Advantages, returns and values of all recorded steps under the current critic.</summary>
    private static (float[] Advantages, float[] Returns, float[] Values) Evaluate(ValueCritic critic, TrainingSet data, Scored scored, Options options)
    {
        var advantages = new float[data.StepCount];
        var returns = new float[data.StepCount];
        var values = new float[data.StepCount];
        using var noGrad = new NoGrad();
        for (int e = 0; e < data.Episodes.Count; e++)
        {
            using var scope = new TensorScope();
            int length = data.Episodes[e].Length, first = data.FirstStep(e);
            if (length == 0) continue;
            var v = critic.Forward(Tensor.FromSpan(scored.Features[e], length + 1, scored.Width)).Reshape(length + 1).ToArray();
            var terminated = new byte[length];
            var truncated = new byte[length];
            (data.Episodes[e].Terminated ? terminated : truncated)[^1] = 1;
            Gae.Compute(scored.Rewards[e], v.AsSpan(0, length), v.AsSpan(1, length), terminated, truncated, length, 1, (float)options.Gamma, (float)options.Lambda,
                advantages.AsSpan(first, length), returns.AsSpan(first, length));
            v.AsSpan(0, length).CopyTo(values.AsSpan(first));
        }

        return (advantages, returns, values);
    }

    private static void Normalise(float[] advantages) => Rollouts.Rollout.Normalise(advantages);

    private static float[] ActiveTokens(PolicyEncoding encoding)
    {
        var active = new float[encoding.Contract.ActionHorizon * encoding.ActionWidth];
        for (int i = 0; i < active.Length; i++) active[i] = encoding.ActiveActions[i % encoding.ActionWidth] ? 1 : 0;
        return active;
    }
}
