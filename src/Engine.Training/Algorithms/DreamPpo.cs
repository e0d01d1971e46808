using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Rollouts;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>
/// Proximal policy optimisation (Schulman et al., arXiv 1707.06347) with generalised advantage estimation (arXiv 1506.02438) in
/// imagined episodes. Reward of a step: <c>success·Φ′·1[predicted success] + shaping·(γΦ′ − Φ) + weight·r̂</c>, Φ the success
/// probability (0 in the shaping after a success), r̂ the learnt dense reward. The actor's loss is the clipped surrogate on normalised advantages plus
/// a divergence to the starting policy (over all tokens: those that mean nothing stay as they are). The critic sees what the success
/// classifier makes of the dream.
/// Environments end and are reset one by one inside a rollout.
/// </summary>
public sealed partial class DreamPpo
{
    private readonly DreamEnvironment _dream;
    private readonly PolicyEncoding _encoding;
    private readonly PpoOptions _options;
    private readonly ulong _seed;
    private readonly VlaPolicy _start;
    private readonly DreamCritic _critic;
    private readonly AdamW _policyOptimizer, _criticOptimizer;
    private readonly CameraSpec _camera;
    private readonly int _stepLimit, _tokens;
    private readonly float[] _activeTokens;

    /// <param name="policy">The policy to improve, in place; the critic is on its device.</param>
    /// <param name="dream">Dreams; their count is the options' <see cref="PpoOptions.Environments"/>.</param>
    /// <param name="encoding">Units and tokens.</param>
    /// <param name="options">Settings.</param>
    /// <param name="stepLimit">Steps of an episode.</param>
    /// <param name="seed">Seed of sampling and minibatches.</param>
    public DreamPpo(VlaPolicy policy, DreamEnvironment dream, PolicyEncoding encoding, PpoOptions options, int stepLimit, ulong seed)
    {
        (Policy, _dream, _encoding, _options, _stepLimit, _seed) = (policy, dream, encoding, options, stepLimit, seed);
        _camera = encoding.Contract.Cameras[0];
        using var device = new DeviceScope(policy.Device);
        _start = new VlaPolicy(new WeightInitialiser(seed), policy.Architecture);
        _start.CopyFrom(policy);
        _start.SetRequiresGrad(false);
        var a = policy.Architecture;
        _critic = new DreamCritic(new WeightInitialiser(seed ^ 0x4352), dream.EvidenceWidth + 1);
        _policyOptimizer = new AdamW(policy.Parameters(), options.PolicyLearningRate, epsilon: 1e-5, weightDecay: 0);
        _criticOptimizer = new AdamW(_critic.Parameters(), options.CriticLearningRate, epsilon: 1e-5, weightDecay: 0);
        _tokens = policy.TokenCount;
        _activeTokens = new float[_tokens];
        for (int i = 0; i < _tokens; i++) _activeTokens[i] = encoding.ActiveActions[i % encoding.ActionWidth] ? 1 : 0;
        if (options.Temperature <= 0) throw new ArgumentException($"temperature is {options.Temperature}; PPO samples its actions, so it must be positive.", nameof(options));
        if (a.Horizon != 1) throw new NotSupportedException("PPO in the dream acts one action at a time; clone with action_horizon 1 for it.");
    }

    public VlaPolicy Policy { get; }

    /// <summary>Runs all iterations.</summary>
    /// <param name="check">Success of the current policy in the real simulator, called every <see cref="PpoOptions.CheckEvery"/> updates; null for never.</param>
    /// <param name="checkpoint">Folder to resume from and to write to; null for none. A resumed run gives the same policy as an uninterrupted one.</param>
    /// <param name="progress">Where progress goes.</param>
    /// <param name="cancellation">Stops between iterations.</param>
    public IReadOnlyList<PpoIteration> Run(Func<int, double>? check, string? checkpoint, IProgressReporter progress, CancellationToken cancellation)
    {
        using var device = new DeviceScope(Policy.Device);
        int total = _options.Iterations + _options.CriticWarmup;
        var history = Resume(checkpoint);
        int first = history.Count;
        if (first > 0) progress.Note($"PPO in the dream: resuming at iteration {first} of {total}");
        var all = Enumerable.Range(0, _dream.Count).ToArray();
        using var task = progress.Begin("PPO in the dream", total, "iterations");
        task.Advance(first);
        for (int i = first; i < total; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (i % CheckpointEvery == 0)
            {
                if (i > first) Save(checkpoint, history);
                _dream.Restart((uint)(i * _options.RolloutSteps));
            }

            int iteration = i - _options.CriticWarmup;
            var rollout = Collect(i, all);
            var report = Update(rollout, i, iteration >= 0);
            if (check is not null && _options.CheckEvery > 0 && iteration >= 0 && (iteration + 1) % _options.CheckEvery == 0) report.RealSuccess = check(iteration + 1);
            history.Add(report);
            task.Advance(1, $"imagined success {report.ImaginedSuccess:P0}" + (report.RealSuccess is { } real ? $", real {real:P0}" : ""));
        }

        return history;
    }

    private Rollout Collect(int iteration, int[] all)
    {
        int steps = _options.RolloutSteps, count = _dream.Count;
        var rollout = NewRollout(steps);
        var uniforms = new float[count * _tokens];
        var actions = new float[count * _encoding.ActionWidth];
        var before = new float[count];
        for (int t = 0; t < steps; t++)
        {
            rollout.Record(t, _dream, _stepLimit, _encoding);
            for (int n = 0; n < count; n++)
            {
                var key = new PhiloxKey(_seed, PhiloxStream.ActionSampling, (uint)n, (uint)iteration, (uint)t);
                Philox.FillUniform(uniforms.AsSpan(n * _tokens, _tokens), key);
            }

            using (new NoGrad())
            using (new TensorScope())
            {
                int[] now = [.. Enumerable.Range(t * count, count)];
                var (images, tokens, states) = rollout.Observations(now, _camera);
                var (classes, _) = Policy.Act(images, tokens, states, (float)_options.Temperature, uniforms);
                classes.ToInt64Array().CopyTo(rollout.Classes, t * count * _tokens);
                LogProbability(Tempered(Policy.Logits(images, tokens, states, classes)), classes).CopyTo(rollout.LogProbabilities.AsSpan(t * count, count));
                _critic.Forward(rollout.CriticStates(now)).CopyTo(rollout.Values.AsSpan(t * count, count));
            }

            _encoding.Decode(rollout.Classes.AsSpan(t * count * _tokens, count * _tokens), actions);
            _dream.SuccessProbability.CopyTo(before, 0);
            _dream.Step(all, actions);
            Reward(rollout, t, before);
            BootstrapAndReset(rollout, t);
        }

        rollout.Record(steps, _dream, _stepLimit, _encoding);
        rollout.FinishNextValues(Values(rollout, [.. Enumerable.Range(steps * count, count)]));
        return rollout;
    }

    private Rollout NewRollout(int steps) => new(steps, _dream.Count, _camera.Bytes, _encoding.Contract.MaxWords, _tokens, _dream.EvidenceWidth);

    private float[] Values(Rollout rollout, int[] samples)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        return _critic.Forward(rollout.CriticStates(samples)).ToArray();
    }

    private void Reward(Rollout rollout, int t, float[] before)
    {
        for (int n = 0; n < _dream.Count; n++)
        {
            bool success = _dream.Terminated[n];
            double reward = success ? _options.SuccessReward * _dream.SuccessProbability[n] : 0;
            reward += _options.ShapingWeight * (_options.Gamma * (success ? 0 : _dream.SuccessProbability[n]) - before[n]);
            reward += _options.RewardWeight * _dream.Reward[n];
            int at = t * _dream.Count + n;
            rollout.Rewards[at] = (float)reward;
            rollout.Terminated[at] = success || (_dream.Truncated[n] && !_options.BootstrapAtLimit);
            rollout.Truncated[at] = _dream.Truncated[n] && _options.BootstrapAtLimit;
            if (success || _dream.Truncated[n]) rollout.Ended(success);
        }
    }

    /// <summary>Ended dreams: at a truncation the value of the true last observation is kept, then they begin anew.</summary>
    private void BootstrapAndReset(Rollout rollout, int t)
    {
        var ended = Enumerable.Range(0, _dream.Count).Where(n => _dream.Terminated[n] || _dream.Truncated[n]).ToArray();
        if (ended.Length == 0) return;
        if (_options.BootstrapAtLimit)
        {
            var last = NewRollout(0);
            last.Record(0, _dream, _stepLimit, _encoding);
            var values = Values(last, ended);
            for (int k = 0; k < ended.Length; k++) rollout.NextValues[t * _dream.Count + ended[k]] = values[k];
        }

        _dream.Reset(ended);
    }

    private PpoIteration Update(Rollout rollout, int iteration, bool policyToo)
    {
        var (advantages, returns) = rollout.Advantages(_options.Gamma, _options.Lambda);
        double explained = Rollout.ExplainedVariance(rollout.Values, returns);
        Rollout.Normalise(advantages);
        int samples = advantages.Length;
        var reference = policyToo ? StartLogProbabilities(rollout, samples) : null;
        var order = Enumerable.Range(0, samples).ToArray();
        var random = new PhiloxRandom(new PhiloxKey(_seed, PhiloxStream.MinibatchOrder, 6, 0, (uint)iteration));
        var policyLosses = new Mean();
        var valueLosses = new Mean();
        var entropies = new Mean();
        var kls = new Mean();
        var clips = new Mean();
        var startKls = new Mean();
        double firstRatioError = 0;
        bool stop = !policyToo;
        for (int epoch = 0; epoch < _options.Epochs; epoch++)
        {
            random.Shuffle(order.AsSpan());
            for (int at = 0; at < samples; at += _options.Minibatch)
            {
                var batch = order[at..Math.Min(at + _options.Minibatch, samples)];
                using var scope = new TensorScope();
                var valueLoss = Functional.MseLoss(_critic.Forward(rollout.CriticStates(batch)), Rollout.Pick(returns, batch));
                _criticOptimizer.ZeroGrad();
                valueLoss.Backward();
                Gradients.ClipNorm(_critic.Parameters(), _options.CriticGradientNorm);
                _criticOptimizer.Step();
                valueLosses.Add(valueLoss.Item());
                if (stop) continue;

                var (images, tokens, states) = rollout.Observations(batch, _camera);
                var classes = rollout.PickClasses(batch);
                var logits = Tempered(Policy.Logits(images, tokens, states, classes));
                var logProbability = LogProbability(logits, classes);
                var old = Rollout.Pick(rollout.LogProbabilities, batch);
                var advantage = Rollout.Pick(advantages, batch);
                var ratio = (logProbability - old).Exp();
                var surrogate = -Tensor.Minimum(ratio * advantage, ratio.Clamp(1 - _options.ClipRange, 1 + _options.ClipRange) * advantage).Mean();
                var active = Tensor.FromSpan(_activeTokens, 1, _tokens);
                var all = logits.LogSoftmax(2);
                var probabilities = all.Exp();
                var startKl = (probabilities * (all - PickRows(reference!, batch))).Sum(2).Sum(1).Mean();
                var entropy = -((probabilities * all).Sum(2) * active).Sum(1).Mean();
                var loss = surrogate + startKl * _options.KlWeight - entropy * _options.EntropyWeight;
                _policyOptimizer.ZeroGrad();
                loss.Backward();
                Gradients.ClipNorm(Policy.Parameters(), _options.PolicyGradientNorm);
                _policyOptimizer.Step();

                var ratios = ratio.Detach().ToArray();
                if (epoch == 0 && at == 0) firstRatioError = ratios.Max(r => Math.Abs(r - 1.0));
                double kl = ratios.Average(r => r - 1 - Math.Log(r));
                policyLosses.Add(surrogate.Item());
                entropies.Add(entropy.Item());
                kls.Add(kl);
                clips.Add(ratios.Count(r => Math.Abs(r - 1) > _options.ClipRange) / (double)ratios.Length);
                startKls.Add(startKl.Item());
                stop = kl > _options.TargetKl;
            }
        }

        return new PpoIteration
        {
            Iteration = iteration,
            ImaginedSuccess = rollout.SuccessRate,
            Episodes = rollout.EpisodeCount,
            MeanReward = rollout.Rewards.Average(),
            PolicyLoss = policyLosses.Value,
            ValueLoss = valueLosses.Value,
            Entropy = entropies.Value,
            ApproximateKl = kls.Value,
            ClipFraction = clips.Value,
            ExplainedVariance = explained,
            KlToStart = startKls.Value,
            FirstRatioError = firstRatioError,
        };
    }

    /// <summary>Logits of the distribution that is sampled: what is improved must be what acted.</summary>
    private Tensor Tempered(Tensor logits) => _options.Temperature == 1 ? logits : logits * (1 / _options.Temperature);

    /// <summary>log π(a|s) [B]: sum over the action tokens that can vary of the log-softmax over all bins.</summary>
    private Tensor LogProbability(Tensor logits, Tensor classes) =>
        (logits.LogSoftmax(2).Gather(2, classes.Unsqueeze(2)).Squeeze(2) * Tensor.FromSpan(_activeTokens, 1, _tokens)).Sum(1);

    private float[] StartLogProbabilities(Rollout rollout, int samples)
    {
        int bins = _encoding.Contract.ActionBins;
        var result = new float[samples * _tokens * bins];
        using var noGrad = new NoGrad();
        for (int at = 0; at < samples; at += 256)
        {
            using var scope = new TensorScope();
            var batch = Enumerable.Range(at, Math.Min(256, samples - at)).ToArray();
            var (images, tokens, states) = rollout.Observations(batch, _camera);
            Tempered(_start.Logits(images, tokens, states, rollout.PickClasses(batch))).LogSoftmax(2).CopyTo(result.AsSpan(at * _tokens * bins, batch.Length * _tokens * bins));
        }

        return result;
    }

    private Tensor PickRows(float[] reference, int[] batch)
    {
        int stride = _tokens * _encoding.Contract.ActionBins;
        var rows = new float[batch.Length * stride];
        for (int i = 0; i < batch.Length; i++) reference.AsSpan(batch[i] * stride, stride).CopyTo(rows.AsSpan(i * stride));
        return Tensor.FromSpan(rows, batch.Length, _tokens, _encoding.Contract.ActionBins);
    }

    private struct Mean
    {
        private double _sum;
        private int _count;

        public void Add(double value)
        {
            _sum += value;
            _count++;
        }

        public readonly double Value => _count > 0 ? _sum / _count : 0;
    }
}
