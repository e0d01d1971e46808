using Engine.Training.Torch;

namespace Engine.Training.Models;

/// <summary>Which of F frames attends to which, as an additive mask.</summary>
public sealed class TemporalMask
{
    private readonly float[] _values;
    private readonly int _frames;

    private TemporalMask(string key, int frames, Func<int, int, bool> allowed)
    {
        Key = key;
        _frames = frames;
        _values = new float[frames * frames];
        for (int i = 0; i < frames; i++)
            for (int j = 0; j < frames; j++) _values[i * frames + j] = allowed(i, j) ? 0f : float.NegativeInfinity;
    }

    /// <summary>Names the pattern; equal keys are equal patterns.</summary>
    public string Key { get; }

    /// <summary>Every frame attends to itself and the <paramref name="window"/> − 1 frames before it.</summary>
    public static TemporalMask Causal(int frames, int window) => new($"causal {frames} {window}", frames, (i, j) => j <= i && i - j < window);

    /// <summary>
    /// Two streams that share weights: frames 0 … T − 1 clean, then frames 1 … T − 1 noisy. A clean frame attends to clean frames up to
    /// itself; a noisy one to the clean frames before it and to itself; both within <paramref name="window"/>. This is what
    /// inference with a key-value cache computes.
    /// </summary>
    public static TemporalMask TeacherForced(int frames, int window) => new($"forced {frames} {window}", 2 * frames - 1, (i, j) =>
    {
        int query = i < frames ? i : i - frames + 1;
        if (j >= frames) return i == j;
        if (query - j >= window) return false;
        return i < frames ? j <= query : j < query;
    });

    /// <summary>[F, F]: 0 where attention is allowed, −∞ elsewhere.</summary>
    public Tensor ToTensor() => Tensor.FromSpan(_values, _frames, _frames);
}
