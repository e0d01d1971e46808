using Engine.Kernels.Ops.Rotary;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.TemporalAttention;

/// <summary>
/// Attention of one frame's tokens over the same token's keys and values in a cache of frames: causal attention in time, one frame at a time.
/// A cache holds <see cref="SlotLength"/> numbers for each frame, [heads, ⌈tokens / 16⌉, headWidth, 16], so that tokens lie in the lanes and what is read
/// together lies together; keys are stored rotated. Positions are relative: any numbering with the right differences will do.
/// </summary>
public static partial class TemporalAttention
{
    internal static readonly VariantTable Variants = VariantTable.For("temporal-attention");

    /// <summary>Numbers of one frame in a cache of keys, or of values.</summary>
    public static int SlotLength(int tokens, int heads, int headWidth) => checked(heads * headWidth * Up(tokens));

    /// <summary>Stores tokens <paramref name="firstToken"/> … <paramref name="lastToken"/> − 1 of one frame in a slot of the cache: keys rotated to the frame's position, values as they are.</summary>
    /// <param name="qkv">The frame's [tokens, 3 · dim]: queries, keys, values.</param>
    /// <param name="tokens">Tokens in a frame.</param>
    /// <param name="heads">Number of heads; dim = heads · the table's HeadWidth.</param>
    /// <param name="firstToken">First token to store.</param>
    /// <param name="lastToken">One beyond the last.</param>
    /// <param name="table">Rotary angles by position in time.</param>
    /// <param name="position">The frame's position; below the table's Positions.</param>
    /// <param name="slot">Where to store.</param>
    /// <param name="keys">Cache of keys [slots, SlotLength].</param>
    /// <param name="values">Cache of values [slots, SlotLength].</param>
    /// <exception cref="ArgumentException">A length or a number does not fit.</exception>
    public static void Append(
        ReadOnlySpan<float> qkv, int tokens, int heads, int firstToken, int lastToken, RotaryTable table, int position, int slot, Span<float> keys, Span<float> values) =>
        Append(Variants.Active, qkv, tokens, heads, firstToken, lastToken, table, position, slot, keys, values);

    internal static unsafe void Append(
        KernelVariant variant, ReadOnlySpan<float> qkv, int tokens, int heads, int firstToken, int lastToken, RotaryTable table, int position, int slot,
        Span<float> keys, Span<float> values)
    {
        int width = table.HeadWidth, dim = heads * width;
        CheckFrame(qkv, tokens, dim, firstToken, lastToken, table, position);
        CheckSlot(slot, tokens, dim, keys, values);
        fixed (float* pq = qkv, pk = keys, pv = values, cosines = table.Cosines, sines = table.Sines)
        {
            var frame = new Frame(pq, pk, pv, null, cosines + (nint)position * width, sines + (nint)position * width, &slot, 1, tokens, heads, width);
            if (variant == KernelVariant.Vector512) AppendVector<Vector512<float>, Lanes512>(frame, firstToken, lastToken);
            else if (variant == KernelVariant.Vector256) AppendVector<Vector256<float>, Lanes256>(frame, firstToken, lastToken);
            else AppendReference(frame, firstToken, lastToken);
        }
    }

    /// <summary>softmax(rotate(q)·keysᵀ / √headWidth)·values over the named slots, token by token.</summary>
    /// <param name="qkv">The frame's [tokens, 3 · dim]; only the queries are read.</param>
    /// <param name="tokens">Tokens in a frame.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="firstToken">First token to compute.</param>
    /// <param name="lastToken">One beyond the last.</param>
    /// <param name="table">Rotary angles by position in time.</param>
    /// <param name="position">The frame's position.</param>
    /// <param name="slots">The slots that the frame sees, itself included, oldest first.</param>
    /// <param name="keys">Cache of keys [slots, SlotLength].</param>
    /// <param name="values">Cache of values [slots, SlotLength].</param>
    /// <param name="output">The frame's [tokens, dim]; only the asked tokens are written.</param>
    /// <exception cref="ArgumentException">A length or a number does not fit.</exception>
    public static void Attend(
        ReadOnlySpan<float> qkv, int tokens, int heads, int firstToken, int lastToken, RotaryTable table, int position,
        ReadOnlySpan<int> slots, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, Span<float> output) =>
        Attend(Variants.Active, qkv, tokens, heads, firstToken, lastToken, table, position, slots, keys, values, output);

    internal static unsafe void Attend(
        KernelVariant variant, ReadOnlySpan<float> qkv, int tokens, int heads, int firstToken, int lastToken, RotaryTable table, int position,
        ReadOnlySpan<int> slots, ReadOnlySpan<float> keys, ReadOnlySpan<float> values, Span<float> output)
    {
        int width = table.HeadWidth, dim = heads * width;
        CheckFrame(qkv, tokens, dim, firstToken, lastToken, table, position);
        if (slots.IsEmpty) throw new ArgumentException("A frame must see at least itself: slots is empty.", nameof(slots));
        foreach (int slot in slots) CheckSlot(slot, tokens, dim, keys, values);
        if (output.Length < (long)lastToken * dim) throw new ArgumentException($"output must hold {lastToken} × {dim} numbers, it holds {output.Length}.", nameof(output));
        fixed (float* pq = qkv, pk = keys, pv = values, po = output, cosines = table.Cosines, sines = table.Sines)
        fixed (int* ps = slots)
        {
            var frame = new Frame(pq, pk, pv, po, cosines + (nint)position * width, sines + (nint)position * width, ps, slots.Length, tokens, heads, width);
            if (variant == KernelVariant.Vector512) AttendVector<Vector512<float>, Lanes512>(frame, firstToken, lastToken);
            else if (variant == KernelVariant.Vector256) AttendVector<Vector256<float>, Lanes256>(frame, firstToken, lastToken);
            else AttendReference(frame, firstToken, lastToken);
        }
    }

    /// <summary>Tokens that stand side by side in a cache.</summary>
    private const int Block = 16;

    private static int Up(int n) => (n + Block - 1) / Block * Block;

    private static void CheckFrame(ReadOnlySpan<float> qkv, int tokens, int dim, int firstToken, int lastToken, RotaryTable table, int position)
    {
        if (dim <= 0 || qkv.Length < (long)tokens * 3 * dim) throw new ArgumentException($"qkv must hold {tokens} × {3 * dim} numbers, it holds {qkv.Length}.", nameof(qkv));
        if (firstToken < 0 || lastToken < firstToken || lastToken > tokens)
        {
            throw new ArgumentException($"tokens {firstToken}…{lastToken} are not within 0…{tokens}.", nameof(firstToken));
        }

        if ((uint)position >= (uint)table.Positions) throw new ArgumentException($"position {position} is not within the table's 0…{table.Positions - 1}.", nameof(position));
    }

    private static void CheckSlot(int slot, int tokens, int dim, ReadOnlySpan<float> keys, ReadOnlySpan<float> values)
    {
        long needed = (slot + 1L) * Up(tokens) * dim;
        if (slot < 0 || keys.Length < needed || values.Length < needed)
        {
            throw new ArgumentException($"slot {slot} needs caches of {needed} numbers; keys hold {keys.Length}, values {values.Length}.", nameof(slot));
        }
    }

    private readonly unsafe struct Frame(
        float* qkv, float* keys, float* values, float* output, float* cosines, float* sines, int* slots, int slotCount, int tokens, int heads, int width)
    {
        public readonly float* Qkv = qkv, Keys = keys, Values = values, Output = output, Cosines = cosines, Sines = sines;
        public readonly int* Slots = slots;
        public readonly int SlotCount = slotCount, Tokens = tokens, Heads = heads, Width = width;

        /// <summary>Distance between tokens in Qkv.</summary>
        public nint Stride => 3 * (nint)Heads * Width;

        /// <summary>Offset of a token's first number in the cache; the next ones follow <see cref="Block"/> apart.</summary>
        public nint At(int slot, int head, int token) => (((nint)slot * Heads + head) * Up(Tokens) + token / Block * Block) * Width + token % Block;
    }
}
