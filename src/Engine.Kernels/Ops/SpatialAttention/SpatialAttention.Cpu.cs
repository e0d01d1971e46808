using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.SpatialAttention;

public static unsafe partial class SpatialAttention
{
    /// <summary>Keys, or numbers of the head, that a micro-kernel works on together.</summary>
    private const int TileRows = 8;

    /// <summary>
    /// One head of one frame, with queries in the lanes: queries are rotated and transposed, so that neither scores, soft-max nor outputs
    /// need sums across a register. Keys are rotated once; values are read where they stand.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void HeadVector<TVector, TLanes>(in Head head)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int tokens = head.Tokens, width = head.Width, padded = Up(width), lanes = TLanes.Count;
        float* keys = head.Scratch, block = keys + tokens * padded, transposed = block + Lanes * padded, scores = transposed + Lanes * padded;
        nint stride = 3 * head.Dim;
        for (int j = 0; j < tokens; j++)
        {
            Rotary.Rotary.RowVector<TVector, TLanes>(head.Qkv + j * stride + head.Dim, width, head.Cosines + j * width, head.Sines + j * width, keys + j * padded);
        }

        // Soft-max in powers of two: the scale of the scores and log₂e in one factor.
        TVector scale = TLanes.Create(1.44269504f / MathF.Sqrt(width));
        for (int first = head.FirstQuery; first < head.LastQuery; first += lanes)
        {
            int count = Math.Min(lanes, head.LastQuery - first);
            for (int i = 0; i < lanes; i++)
            {
                int query = first + Math.Min(i, count - 1);
                Rotary.Rotary.RowVector<TVector, TLanes>(
                    head.Qkv + query * stride, width, head.Cosines + query * width, head.Sines + query * width, block + i * padded);
            }

            for (int c = 0; c < padded; c += lanes) TLanes.Transpose(block + c, padded, transposed + c * lanes, lanes);
            for (int j = 0; j < tokens; j += TileRows)
            {
                Tile<TVector, TLanes>(keys + j * padded, padded, Math.Min(TileRows, tokens - j), 1, width, transposed, scores + j * lanes);
            }

            Softmax.Softmax.DownLanes<TVector, TLanes>(scores, tokens, scale);
            for (int c = 0; c < width; c += TileRows)
            {
                Tile<TVector, TLanes>(head.Qkv + 2 * head.Dim + c, 1, Math.Min(TileRows, width - c), stride, tokens, scores, transposed + c * lanes);
            }

            float* output = head.Output + first * head.Dim;
            if (count == lanes && width == padded)
            {
                for (int c = 0; c < width; c += lanes) TLanes.Transpose(transposed + c * lanes, lanes, output + c, head.Dim);
                continue;
            }

            for (int c = 0; c < padded; c += lanes) TLanes.Transpose(transposed + c * lanes, lanes, block + c, padded);
            for (int i = 0; i < count; i++) new ReadOnlySpan<float>(block + i * padded, width).CopyTo(new Span<float>(output + i * head.Dim, width));
        }
    }

    /// <summary>
    /// result[8, lanes] = left[8, inner]·right[inner, lanes]. Element (r, i) of left stands at r · rowStride + i · innerStride;
    /// rows from <paramref name="rows"/> on repeat the last one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TVector, TLanes>(float* left, nint rowStride, int rows, nint innerStride, nint inner, float* right, float* result)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int last = rows - 1;
        float* l0 = left;
        float* l1 = left + Math.Min(1, last) * rowStride;
        float* l2 = left + Math.Min(2, last) * rowStride;
        float* l3 = left + Math.Min(3, last) * rowStride;
        float* l4 = left + Math.Min(4, last) * rowStride;
        float* l5 = left + Math.Min(5, last) * rowStride;
        float* l6 = left + Math.Min(6, last) * rowStride;
        float* l7 = left + Math.Min(7, last) * rowStride;
        TVector s0 = TLanes.Create(0f), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
        float* end = right + inner * TLanes.Count;
        for (nint at = 0; right < end; at += innerStride, right += TLanes.Count)
        {
            TVector r = TLanes.Load(right);
            s0 = TLanes.MultiplyAdd(TLanes.Create(l0[at]), r, s0);
            s1 = TLanes.MultiplyAdd(TLanes.Create(l1[at]), r, s1);
            s2 = TLanes.MultiplyAdd(TLanes.Create(l2[at]), r, s2);
            s3 = TLanes.MultiplyAdd(TLanes.Create(l3[at]), r, s3);
            s4 = TLanes.MultiplyAdd(TLanes.Create(l4[at]), r, s4);
            s5 = TLanes.MultiplyAdd(TLanes.Create(l5[at]), r, s5);
            s6 = TLanes.MultiplyAdd(TLanes.Create(l6[at]), r, s6);
            s7 = TLanes.MultiplyAdd(TLanes.Create(l7[at]), r, s7);
        }

        TLanes.Store(s0, result);
        TLanes.Store(s1, result + TLanes.Count);
        TLanes.Store(s2, result + 2 * TLanes.Count);
        TLanes.Store(s3, result + 3 * TLanes.Count);
        TLanes.Store(s4, result + 4 * TLanes.Count);
        TLanes.Store(s5, result + 5 * TLanes.Count);
        TLanes.Store(s6, result + 6 * TLanes.Count);
        TLanes.Store(s7, result + 7 * TLanes.Count);
    }
}
