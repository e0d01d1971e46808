using Engine.Kernels.Threading;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.Gae;

/// <summary>
/// Generalised advantage estimation (arXiv 1506.02438) on time-major arrays [T, B] (element (t, b) at t · B + b), and the conventions that are in use
/// for the end of an episode. Environments are columns and do not touch each other. Where a flag turns out to be neither 0 nor 1, what stands in
/// the outputs means nothing.
/// </summary>
public static partial class Gae
{
    internal static readonly VariantTable Variants = VariantTable.For("gae");

    /// <summary>Elements from which on several threads share the work.</summary>
    private const int ParallelFrom = 1 << 18;

    /// <summary>Environments that stay together: a cache line of numbers.</summary>
    private const int Lanes = 16;

    /// <summary>
    /// δ_t = r_t + γ·V(s_{t+1})·(1 − terminated_t) − V(s_t), A_t = δ_t + γλ·(1 − terminated_t)(1 − truncated_t)·A_{t+1}, A_T = 0; returns = A + V.
    /// A truncated step still bootstraps from <paramref name="nextValues"/>, which there is the value of the episode's true last observation.
    /// </summary>
    /// <param name="rewards">r, [T, B].</param>
    /// <param name="values">V(s_t), [T, B].</param>
    /// <param name="nextValues">V(s_{t+1}), [T, B].</param>
    /// <param name="terminated">1 where the step ended the episode for good, [T, B].</param>
    /// <param name="truncated">1 where the step was the last for another reason, [T, B].</param>
    /// <param name="steps">T.</param>
    /// <param name="environments">B.</param>
    /// <param name="gamma">Discount γ.</param>
    /// <param name="lambda">λ.</param>
    /// <param name="advantages">A, [T, B].</param>
    /// <param name="returns">A + V, [T, B]; may be empty when not wanted.</param>
    /// <exception cref="ArgumentException">A length does not fit, or a flag is neither 0 nor 1.</exception>
    public static void Compute(
        ReadOnlySpan<float> rewards, ReadOnlySpan<float> values, ReadOnlySpan<float> nextValues, ReadOnlySpan<byte> terminated, ReadOnlySpan<byte> truncated,
        int steps, int environments, float gamma, float lambda, Span<float> advantages, Span<float> returns) =>
        Compute(Variants.Active, rewards, values, nextValues, terminated, truncated, steps, environments, gamma, lambda, advantages, returns);

    /// <summary>ImagineAct's convention: one flag, done = terminated or truncated, which stops both the bootstrap and the recursion.</summary>
    /// <inheritdoc cref="Compute(ReadOnlySpan{float}, ReadOnlySpan{float}, ReadOnlySpan{float}, ReadOnlySpan{byte}, ReadOnlySpan{byte}, int, int, float, float, Span{float}, Span{float})"/>
    public static void ComputeSingleFlag(
        ReadOnlySpan<float> rewards, ReadOnlySpan<float> values, ReadOnlySpan<float> nextValues, ReadOnlySpan<byte> done,
        int steps, int environments, float gamma, float lambda, Span<float> advantages, Span<float> returns) =>
        Compute(Variants.Active, rewards, values, nextValues, done, done, steps, environments, gamma, lambda, advantages, returns);

    /// <summary>
    /// CleanRL's convention: begins_t says that step t is the first of a new episode; V_{t+1} is the next row of <paramref name="values"/> and
    /// 1 − begins_{t+1} stops bootstrap and recursion. The row after the last is given.
    /// </summary>
    /// <param name="rewards">r, [T, B].</param>
    /// <param name="values">V(s_t), [T, B].</param>
    /// <param name="begins">1 where the step is an episode's first, [T, B].</param>
    /// <param name="lastValues">V of the observations after the last step, [B].</param>
    /// <param name="lastBegins">Whether those begin a new episode, [B].</param>
    /// <param name="steps">T.</param>
    /// <param name="environments">B.</param>
    /// <param name="gamma">Discount γ.</param>
    /// <param name="lambda">λ.</param>
    /// <param name="advantages">A, [T, B].</param>
    /// <param name="returns">A + V, [T, B]; may be empty when not wanted.</param>
    /// <exception cref="ArgumentException">A length does not fit, or a flag is neither 0 nor 1.</exception>
    public static void ComputeFromBeginnings(
        ReadOnlySpan<float> rewards, ReadOnlySpan<float> values, ReadOnlySpan<byte> begins, ReadOnlySpan<float> lastValues, ReadOnlySpan<byte> lastBegins,
        int steps, int environments, float gamma, float lambda, Span<float> advantages, Span<float> returns)
    {
        CheckShape(steps, environments);
        CheckLength(nameof(lastValues), lastValues.Length, environments, "B");
        CheckLength(nameof(lastBegins), lastBegins.Length, environments, "B");
        if (steps == 0) return;
        // The same recursion with everything of the next step moved up by one row: all rows but the last read on in the same arrays.
        int count = steps * environments, last = count - environments;
        CheckLength(nameof(values), values.Length, count, "T·B");
        CheckLength(nameof(begins), begins.Length, count, "T·B");
        CheckLength(nameof(rewards), rewards.Length, count, "T·B");
        CheckLength(nameof(advantages), advantages.Length, count, "T·B");
        if (!returns.IsEmpty) CheckLength(nameof(returns), returns.Length, count, "T·B");
        Compute(
            Variants.Active, rewards[last..], values[last..], lastValues, lastBegins, lastBegins, 1, environments, gamma, lambda,
            advantages[last..], returns.IsEmpty ? default : returns[last..]);
        if (steps == 1) return;
        Continue(
            Variants.Active, rewards[..last], values[..last], values[environments..], begins[environments..], begins[environments..], steps - 1, environments,
            gamma, lambda, advantages[..last], returns.IsEmpty ? default : returns[..last], advantages.Slice(last, environments));
    }

    /// <summary>One-step errors δ_t = r_t + γ·V(s_{t+1})·(1 − done_t) − V(s_t), without a recursion: what ImagineAct gives for one-dimensional input.</summary>
    /// <exception cref="ArgumentException">A length does not fit, or a flag is neither 0 nor 1.</exception>
    public static void ComputeOneStep(
        ReadOnlySpan<float> rewards, ReadOnlySpan<float> values, ReadOnlySpan<float> nextValues, ReadOnlySpan<byte> done, float gamma, Span<float> errors) =>
        Compute(Variants.Active, rewards, values, nextValues, done, done, 1, rewards.Length, gamma, 0f, errors, default);

    /// <summary>Subtracts the mean and divides by the unbiased standard deviation + 1e-8, over all elements; then clips to ±<paramref name="clip"/> if that is given.</summary>
    /// <param name="advantages">At least two numbers, changed in place.</param>
    /// <param name="clip">Greatest magnitude that is kept; null for no clipping.</param>
    /// <exception cref="ArgumentException">There are fewer than two numbers, which have no standard deviation, or the clip is not positive.</exception>
    public static void Normalise(Span<float> advantages, float? clip = null)
    {
        if (advantages.Length < 2) throw new ArgumentException($"A standard deviation needs at least two advantages, there are {advantages.Length}.", nameof(advantages));
        if (clip is not (null or > 0)) throw new ArgumentException($"clip must be positive, it is {clip}.", nameof(clip));
        double sum = 0, squares = 0;
        foreach (float value in advantages) sum += value;
        double mean = sum / advantages.Length;
        foreach (float value in advantages) squares += (value - mean) * (value - mean);
        double deviation = Math.Sqrt(squares / (advantages.Length - 1)) + 1e-8;
        float limit = clip ?? float.PositiveInfinity;
        foreach (ref float value in advantages) value = Math.Clamp((float)((value - mean) / deviation), -limit, limit);
    }

    internal static void Compute(
        KernelVariant variant, ReadOnlySpan<float> rewards, ReadOnlySpan<float> values, ReadOnlySpan<float> nextValues, ReadOnlySpan<byte> terminated,
        ReadOnlySpan<byte> truncated, int steps, int environments, float gamma, float lambda, Span<float> advantages, Span<float> returns) =>
        Continue(variant, rewards, values, nextValues, terminated, truncated, steps, environments, gamma, lambda, advantages, returns, default);

    private static unsafe void Continue(
        KernelVariant variant, ReadOnlySpan<float> rewards, ReadOnlySpan<float> values, ReadOnlySpan<float> nextValues, ReadOnlySpan<byte> terminated,
        ReadOnlySpan<byte> truncated, int steps, int environments, float gamma, float lambda, Span<float> advantages, Span<float> returns,
        ReadOnlySpan<float> following)
    {
        CheckShape(steps, environments);
        int count = checked(steps * environments);
        CheckLength(nameof(rewards), rewards.Length, count, "T·B");
        CheckLength(nameof(values), values.Length, count, "T·B");
        CheckLength(nameof(nextValues), nextValues.Length, count, "T·B");
        CheckLength(nameof(terminated), terminated.Length, count, "T·B");
        CheckLength(nameof(truncated), truncated.Length, count, "T·B");
        CheckLength(nameof(advantages), advantages.Length, count, "T·B");
        if (!returns.IsEmpty) CheckLength(nameof(returns), returns.Length, count, "T·B");
        bool flagsFit;
        fixed (float* r = rewards, v = values, n = nextValues, a = advantages, g = returns, f = following)
        fixed (byte* e = terminated, c = truncated)
        {
            var rollout = new Rollout(r, v, n, e, c, steps, environments, gamma, gamma * lambda, a, g, f);
            if (variant == KernelVariant.Reference || count < ParallelFrom || environments < 2 * Lanes) flagsFit = Run(variant, rollout, 0, environments);
            else flagsFit = Together.Run(variant, rollout);
        }

        if (flagsFit) return;
        CheckFlags(nameof(terminated), terminated);
        CheckFlags(nameof(truncated), truncated);
    }

    private static bool Run(KernelVariant variant, in Rollout rollout, int first, int last) => variant switch
    {
        KernelVariant.Vector512 => RunVector<Vector512<float>, Lanes512>(rollout, first, last),
        KernelVariant.Vector256 => RunVector<Vector256<float>, Lanes256>(rollout, first, last),
        _ => RunReference(rollout, first, last),
    };

    /// <summary>A rollout large enough to be shared by the pool's threads: each takes some environments.</summary>
    private sealed unsafe class Together(KernelVariant variant, Rollout rollout) : IParallelJob
    {
        private volatile bool _flagsFit = true;

        public static bool Run(KernelVariant variant, in Rollout rollout)
        {
            var job = new Together(variant, rollout);
            WorkerPool.Shared.Run(job);
            return job._flagsFit;
        }

        public void Execute(int index, int count)
        {
            int groups = (rollout.Environments + Lanes - 1) / Lanes;
            int first = groups * index / count * Lanes, last = Math.Min(rollout.Environments, groups * (index + 1) / count * Lanes);
            if (!Gae.Run(variant, rollout, first, last)) _flagsFit = false;
        }
    }

    private static void CheckShape(int steps, int environments)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        ArgumentOutOfRangeException.ThrowIfNegative(environments);
    }

    private static void CheckLength(string name, int length, int expected, string meaning)
    {
        if (length != expected) throw new ArgumentException($"{name} must hold {meaning} = {expected} elements, it holds {length}.", name);
    }

    private static void CheckFlags(string name, ReadOnlySpan<byte> flags)
    {
        int bad = flags.IndexOfAnyExcept((byte)0, (byte)1);
        if (bad >= 0) throw new ArgumentException($"{name} must hold only 0 and 1; element {bad} is {flags[bad]}.", name);
    }

    private readonly unsafe struct Rollout(
        float* rewards, float* values, float* nextValues, byte* terminated, byte* truncated, int steps, int environments, float gamma, float decay,
        float* advantages, float* returns, float* following)
    {
        public readonly float* Rewards = rewards, Values = values, NextValues = nextValues, Advantages = advantages, Returns = returns;

        /// <summary>A of the step after the last, [B], or null for zero.</summary>
        public readonly float* Following = following;

        public readonly byte* Terminated = terminated, Truncated = truncated;
        public readonly int Steps = steps, Environments = environments;
        public readonly float Gamma = gamma, Decay = decay;
    }
}
