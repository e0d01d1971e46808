using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests;

/// <summary>
/// A span with guard zones: NaNs before and behind it. What is read from them spoils the result, what is written to them is noticed.
/// The offset moves the span off the alignment.
/// </summary>
internal sealed class Guarded
{
    private const int Zone = 64;

    private readonly float[] _memory;
    private readonly int _start, _length;

    public Guarded(int length, int offset = 1)
    {
        _start = Zone + offset;
        _length = length;
        _memory = new float[length + 2 * Zone + offset];
        Array.Fill(_memory, float.NaN);
        Span.Clear();
    }

    public Span<float> Span => _memory.AsSpan(_start, _length);

    /// <summary>Standard normal contents, named by an index.</summary>
    public static Guarded Normal(int length, uint name, int offset = 1)
    {
        var result = new Guarded(length, offset);
        Philox.FillNormal(result.Span, new PhiloxKey(5, PhiloxStream.Latent, name));
        return result;
    }

    public Guarded Copy()
    {
        var result = new Guarded(_length, _start - Zone);
        Span.CopyTo(result.Span);
        return result;
    }

    public void AssertIntact()
    {
        for (int i = 0; i < _memory.Length; i++)
        {
            if ((i < _start || i >= _start + _length) && !float.IsNaN(_memory[i])) Assert.Fail($"written outside: element {i - _start} of {_length}");
        }
    }

    /// <summary>The variants that this machine can run, the reference last.</summary>
    public static IReadOnlyList<KernelVariant> Variants { get; } = VariantTable.For("test").Available;

    public static void Near(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, float absolute, float relative, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(MathF.Abs(expected[i] - actual[i]) <= absolute + relative * MathF.Abs(expected[i])))
                Assert.Fail($"{what}: element {i} of {expected.Length} is {actual[i]:R}, expected {expected[i]:R}");
        }
    }
}
