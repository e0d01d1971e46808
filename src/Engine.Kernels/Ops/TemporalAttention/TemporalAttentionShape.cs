using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.TemporalAttention;

/// <summary>
/// What temporal attention on a device is specialised to. A cache of keys, or of values, is <see cref="CacheLength"/> numbers, [Window, Tokens, Heads · HeadWidth]; many
/// caches (environments) stand behind one another in one buffer.
/// </summary>
public sealed record TemporalAttentionShape
{
    /// <param name="tokens">Tokens in a frame.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="headWidth">A multiple of 8 up to 128.</param>
    /// <param name="window">Slots of a cache; 1 … 64.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public TemporalAttentionShape(int tokens, int heads, int headWidth, int window)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        if (headWidth is < 8 or > 128 || headWidth % 8 != 0)
            throw new ArgumentOutOfRangeException(nameof(headWidth), headWidth, "On a device a head must be 8, 16, … 128 wide.");
        if (window is < 1 or > 64) throw new ArgumentOutOfRangeException(nameof(window), window, "On a device the window must be 1…64 frames.");
        Tokens = tokens;
        Heads = heads;
        HeadWidth = headWidth;
        Window = window;
    }

    /// <summary>Tokens in a frame.</summary>
    public int Tokens { get; }

    /// <summary>Number of heads.</summary>
    public int Heads { get; }

    /// <summary>Width of a head.</summary>
    public int HeadWidth { get; }

    /// <summary>Slots of a cache.</summary>
    public int Window { get; }

    /// <summary>Width of a token.</summary>
    public int Dim => Heads * HeadWidth;

    /// <summary>Numbers in a cache of keys, or of values.</summary>
    public long CacheLength => (long)Window * Tokens * Dim;

    /// <summary>Integers that describe one frame: cache, position, number of slots, slots.</summary>
    public int DescriptionLength => 3 + Window;

    /// <summary>Describes a frame for the device.</summary>
    /// <param name="description"><see cref="DescriptionLength"/> integers.</param>
    /// <param name="cache">Index of the frame's cache.</param>
    /// <param name="position">Position in time; below the rotary table's Positions.</param>
    /// <param name="slots">The slots that it sees, oldest first; the last is its own, where its keys and values go.</param>
    /// <exception cref="ArgumentException">A number is out of range.</exception>
    public void Describe(Span<int> description, int cache, int position, ReadOnlySpan<int> slots)
    {
        if (description.Length != DescriptionLength) throw new ArgumentException($"description must hold 3 + window = {DescriptionLength} integers, it holds {description.Length}.", nameof(description));
        ArgumentOutOfRangeException.ThrowIfNegative(cache);
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        if (slots.IsEmpty || slots.Length > Window) throw new ArgumentException($"A frame sees 1…{Window} slots, its own included; there are {slots.Length}.", nameof(slots));
        foreach (int slot in slots)
        {
            if ((uint)slot >= (uint)Window) throw new ArgumentException($"slot {slot} is not within 0…{Window - 1}.", nameof(slots));
        }

        description[0] = cache;
        description[1] = position;
        description[2] = slots.Length;
        slots.CopyTo(description[3..]);
        description[(3 + slots.Length)..].Clear();
    }

    /// <summary>The kernel's constants.</summary>
    internal IReadOnlyList<CudaDefine> Defines => [new("ENG_TOKENS", Tokens), new("ENG_HEADS", Heads), new("ENG_HEAD_WIDTH", HeadWidth), new("ENG_WINDOW", Window)];
}
