using Engine.Kernels.Ops.Rotary;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.SpatialAttention;

/// <summary>
/// Attention among all tokens of one frame, every token seeing every other, with rotary embedding of queries and keys; meant for tens to
/// a few hundred tokens and many frames. Frames do not touch each other, and a query's result does not depend on which others are asked for.
/// </summary>
public static partial class SpatialAttention
{
    /// <summary>Lanes of the widest registers.</summary>
    private const int Lanes = 16;

    internal static readonly VariantTable Variants = VariantTable.For("spatial-attention");

    /// <summary>Length of the scratch span that <see cref="Apply(ReadOnlySpan{float}, int, int, RotaryTable, int, int, Span{float}, Span{float})"/> needs, per thread.</summary>
    public static int ScratchLength(int tokens, int headWidth) => (tokens + 2 * Lanes) * Up(headWidth) + Lanes * (tokens + 8) + 16;

    /// <summary>softmax(rotate(q)·rotate(k)ᵀ / √headWidth)·v for queries <paramref name="firstRow"/> … <paramref name="lastRow"/> − 1.</summary>
    /// <param name="qkv">[frames, tokens, 3 · heads · headWidth]: queries, keys, values, each split into heads.</param>
    /// <param name="tokens">Tokens in a frame; must be the table's number of positions.</param>
    /// <param name="heads">Number of heads; headWidth is the table's.</param>
    /// <param name="table">Rotary angles of the token positions.</param>
    /// <param name="firstRow">First query, counted over all frames.</param>
    /// <param name="lastRow">One beyond the last query.</param>
    /// <param name="output">[frames, tokens, heads · headWidth]; only the asked rows are written.</param>
    /// <param name="scratch">At least <see cref="ScratchLength"/> numbers, not shared with another thread.</param>
    /// <exception cref="ArgumentException">A length or a shape does not fit.</exception>
    public static void Apply(
        ReadOnlySpan<float> qkv, int tokens, int heads, RotaryTable table, int firstRow, int lastRow, Span<float> output, Span<float> scratch) =>
        Apply(Variants.Active, qkv, tokens, heads, table, firstRow, lastRow, output, scratch);

    internal static unsafe void Apply(
        KernelVariant variant, ReadOnlySpan<float> qkv, int tokens, int heads, RotaryTable table, int firstRow, int lastRow, Span<float> output, Span<float> scratch)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        if (lastRow < firstRow) throw new ArgumentException($"lastRow {lastRow} is before firstRow {firstRow}.", nameof(lastRow));
        if (table.Positions != tokens) throw new ArgumentException($"The rotary table has {table.Positions} positions, the frames have {tokens} tokens.", nameof(table));
        long dim = (long)heads * table.HeadWidth, rows = (long)(lastRow + tokens - 1) / tokens * tokens;
        if (qkv.Length < rows * 3 * dim) throw new ArgumentException($"qkv must hold {rows} × {3 * dim} numbers, it holds {qkv.Length}.", nameof(qkv));
        if (output.Length < lastRow * dim) throw new ArgumentException($"output must hold {lastRow} × {dim} numbers, it holds {output.Length}.", nameof(output));
        int needed = ScratchLength(tokens, table.HeadWidth);
        if (scratch.Length < needed) throw new ArgumentException($"scratch must hold {needed} numbers, it holds {scratch.Length}.", nameof(scratch));
        fixed (float* pq = qkv, po = output, ps = scratch, cosines = table.Cosines, sines = table.Sines)
        {
            for (int row = firstRow; row < lastRow;)
            {
                int frame = row / tokens, first = row - frame * tokens, last = Math.Min(tokens, first + lastRow - row);
                for (int head = 0; head < heads; head++)
                {
                    var job = new Head(
                        pq + (nint)frame * tokens * 3 * (nint)dim + head * table.HeadWidth, (nint)dim, tokens, table.HeadWidth, cosines, sines, first, last,
                        po + (nint)frame * tokens * (nint)dim + head * table.HeadWidth, (float*)(((nint)ps + 63) & ~63));
                    if (variant == KernelVariant.Vector512) HeadVector<Vector512<float>, Lanes512>(job);
                    else if (variant == KernelVariant.Vector256) HeadVector<Vector256<float>, Lanes256>(job);
                    else HeadReference(job);
                }

                row += last - first;
            }
        }
    }

    private static int Up(int n) => (n + 15) & ~15;

    private readonly unsafe struct Head(
        float* qkv, nint dim, int tokens, int width, float* cosines, float* sines, int firstQuery, int lastQuery, float* output, float* scratch)
    {
        /// <summary>The frame's queries of this head; keys stand Dim further, values 2·Dim; rows are 3·Dim apart.</summary>
        public readonly float* Qkv = qkv;

        public readonly float* Cosines = cosines, Sines = sines, Output = output, Scratch = scratch;
        public readonly nint Dim = dim;
        public readonly int Tokens = tokens, Width = width, FirstQuery = firstQuery, LastQuery = lastQuery;
    }
}
