using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.SpatialAttention;

public static unsafe partial class SpatialAttention
{
    private const int TileQueries = 8;

    /// <summary>
    /// One head of one frame. Keys are rotated and transposed once, values copied to whole vectors; then tiles of eight queries:
    /// scores with keys in the lanes, softmax, outputs with the head's numbers in the lanes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void HeadVector<TVector, TLanes>(in Head head)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int tokens = head.Tokens, width = head.Width, paddedTokens = Up(tokens), paddedWidth = Up(width);
        float* keys = head.Scratch, values = keys + paddedTokens * width, scores = values + tokens * paddedWidth, queries = scores + TileQueries * paddedTokens;
        nint stride = 3 * head.Dim;
        for (int j = 0; j < tokens; j++)
        {
            Rotary.Rotary.RowVector<TVector, TLanes>(head.Qkv + j * stride + head.Dim, width, head.Cosines + j * width, head.Sines + j * width, queries);
            for (int c = 0; c < width; c++) keys[c * paddedTokens + j] = queries[c];
            new ReadOnlySpan<float>(head.Qkv + j * stride + 2 * head.Dim, width).CopyTo(new Span<float>(values + j * paddedWidth, width));
            for (int c = width; c < paddedWidth; c++) values[j * paddedWidth + c] = 0;
        }

        for (int j = tokens; j < paddedTokens; j++)
        {
            for (int c = 0; c < width; c++) keys[c * paddedTokens + j] = 0;
        }

        float scale = 1f / MathF.Sqrt(width);
        float* factors = stackalloc float[TileQueries];
        for (int first = head.FirstQuery; first < head.LastQuery; first += TileQueries)
        {
            int count = Math.Min(TileQueries, head.LastQuery - first);
            for (int i = 0; i < TileQueries; i++)
            {
                int query = first + Math.Min(i, count - 1);
                float* row = queries + i * paddedWidth;
                Rotary.Rotary.RowVector<TVector, TLanes>(head.Qkv + query * stride, width, head.Cosines + query * width, head.Sines + query * width, row);
                for (int c = 0; c < width; c++) row[c] *= scale;
            }

            for (int j = 0; j < paddedTokens; j += TLanes.Count) Tile<TVector, TLanes>(queries, paddedWidth, width, keys + j, paddedTokens, scores + j, paddedTokens);
            for (int i = 0; i < TileQueries; i++) factors[i] = 1f / Softmax.Softmax.ExponentiatePadded<TVector, TLanes>(scores + i * paddedTokens, tokens, paddedTokens);
            for (int c = 0; c < paddedWidth; c += TLanes.Count) Tile<TVector, TLanes>(scores, paddedTokens, tokens, values + c, paddedWidth, queries + c, paddedWidth);
            for (int i = 0; i < count; i++)
            {
                float* from = queries + i * paddedWidth, to = head.Output + (first + i) * head.Dim;
                TVector factor = TLanes.Create(factors[i]);
                int whole = width / TLanes.Count * TLanes.Count;
                for (int c = 0; c < whole; c += TLanes.Count) TLanes.Store(TLanes.Multiply(TLanes.Load(from + c), factor), to + c);
                for (int c = whole; c < width; c++) to[c] = from[c] * factors[i];
            }
        }
    }

    /// <summary>result[8, one vector] = left[8, inner]·right[inner, one vector].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TVector, TLanes>(float* left, nint leftStride, nint inner, float* right, nint rightStride, float* result, nint resultStride)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        float* l0 = left, l1 = l0 + leftStride, l2 = l1 + leftStride, l3 = l2 + leftStride;
        float* l4 = l3 + leftStride, l5 = l4 + leftStride, l6 = l5 + leftStride, l7 = l6 + leftStride;
        TVector s0 = TLanes.Create(0f), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
        for (nint i = 0; i < inner; i++, right += rightStride)
        {
            TVector r = TLanes.Load(right);
            s0 = TLanes.MultiplyAdd(TLanes.Create(l0[i]), r, s0);
            s1 = TLanes.MultiplyAdd(TLanes.Create(l1[i]), r, s1);
            s2 = TLanes.MultiplyAdd(TLanes.Create(l2[i]), r, s2);
            s3 = TLanes.MultiplyAdd(TLanes.Create(l3[i]), r, s3);
            s4 = TLanes.MultiplyAdd(TLanes.Create(l4[i]), r, s4);
            s5 = TLanes.MultiplyAdd(TLanes.Create(l5[i]), r, s5);
            s6 = TLanes.MultiplyAdd(TLanes.Create(l6[i]), r, s6);
            s7 = TLanes.MultiplyAdd(TLanes.Create(l7[i]), r, s7);
        }

        TLanes.Store(s0, result);
        TLanes.Store(s1, result + resultStride);
        TLanes.Store(s2, result + 2 * resultStride);
        TLanes.Store(s3, result + 3 * resultStride);
        TLanes.Store(s4, result + 4 * resultStride);
        TLanes.Store(s5, result + 5 * resultStride);
        TLanes.Store(s6, result + 6 * resultStride);
        TLanes.Store(s7, result + 7 * resultStride);
    }
}
