using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.TemporalAttention;

/// <summary>Tokens in the lanes: a block of tokens is transposed when it comes in and back when it goes out; between, nothing crosses a register.</summary>
public static unsafe partial class TemporalAttention
{
    /// <summary>Slots, or numbers of the head, that are worked on together; a head's width is a multiple of it.</summary>
    private const int Group = 4;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AppendVector<TVector, TLanes>(in Frame frame, int firstToken, int lastToken)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int width = frame.Width, padded = Up(width), lanes = TLanes.Count;
        float* rows = stackalloc float[lanes * padded], turned = stackalloc float[padded * lanes];
        for (int block = firstToken / lanes * lanes; block < lastToken; block += lanes)
        {
            int first = Math.Max(block, firstToken), last = Math.Min(block + lanes, lastToken);
            for (int head = 0; head < frame.Heads; head++)
            {
                float* from = frame.Qkv + (frame.Heads + head) * width;
                nint at = frame.At(frame.Slots[0], head, block);
                for (int i = first; i < last; i++)
                {
                    Rotary.Rotary.RowVector<TVector, TLanes>(from + i * frame.Stride, width, frame.Cosines, frame.Sines, rows + (i - block) * padded);
                }

                Put<TVector, TLanes>(rows, turned, width, frame.Keys + at, first - block, last - block);
                from += frame.Heads * width;
                for (int i = first; i < last; i++)
                {
                    float* source = from + i * frame.Stride, target = rows + (i - block) * padded;
                    int c = 0;
                    for (; c + lanes <= width; c += lanes) TLanes.Store(TLanes.Load(source + c), target + c);
                    for (; c < width; c++) target[c] = source[c];
                }

                Put<TVector, TLanes>(rows, turned, width, frame.Values + at, first - block, last - block);
            }
        }
    }

    /// <summary>Transposes rows of tokens into a cache. Lanes of tokens that are not asked for may belong to another thread and are left alone.</summary>
    private static void Put<TVector, TLanes>(float* rows, float* turned, int width, float* target, int first, int last)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int padded = Up(width), lanes = TLanes.Count;
        if (last - first == lanes && width == padded)
        {
            for (int c = 0; c < width; c += lanes) TLanes.Transpose(rows + c, padded, target + c * Block, Block);
            return;
        }

        for (int c = 0; c < padded; c += lanes) TLanes.Transpose(rows + c, padded, turned + c * lanes, lanes);
        for (int c = 0; c < width; c++)
        {
            for (int i = first; i < last; i++) target[c * Block + i] = turned[c * lanes + i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AttendVector<TVector, TLanes>(in Frame frame, int firstToken, int lastToken)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int width = frame.Width, padded = Up(width), lanes = TLanes.Count, count = frame.SlotCount;
        nint dim = (nint)frame.Heads * width;
        TVector scale = TLanes.Create(1.44269504f / MathF.Sqrt(width));
        float* rows = stackalloc float[lanes * padded], turned = stackalloc float[padded * lanes], scores = stackalloc float[(count + Group) * lanes];
        float** values = stackalloc float*[count];
        for (int block = firstToken / lanes * lanes; block < lastToken; block += lanes)
        {
            int first = Math.Max(block, firstToken), last = Math.Min(block + lanes, lastToken);
            for (int head = 0; head < frame.Heads; head++)
            {
                for (int i = 0; i < lanes; i++)
                {
                    int token = Math.Clamp(block + i, first, last - 1);
                    Rotary.Rotary.RowVector<TVector, TLanes>(frame.Qkv + token * frame.Stride + head * width, width, frame.Cosines, frame.Sines, rows + i * padded);
                }

                for (int c = 0; c < padded; c += lanes) TLanes.Transpose(rows + c, padded, turned + c * lanes, lanes);
                for (int s = 0; s < count; s++) values[s] = frame.Values + frame.At(frame.Slots[s], head, block);
                for (int s = 0; s < count; s += Group)
                {
                    float* keys = frame.Keys;
                    Score<TVector, TLanes>(
                        turned, keys + frame.At(frame.Slots[s], head, block), keys + frame.At(frame.Slots[Math.Min(s + 1, count - 1)], head, block),
                        keys + frame.At(frame.Slots[Math.Min(s + 2, count - 1)], head, block), keys + frame.At(frame.Slots[Math.Min(s + 3, count - 1)], head, block),
                        width, scores + s * lanes);
                }

                Softmax.Softmax.DownLanes<TVector, TLanes>(scores, count, scale);
                for (int c = 0; c < width; c += Group) Mix<TVector, TLanes>(scores, values, count, c * Block, turned + c * lanes);
                float* output = frame.Output + head * width;
                if (last - first == lanes && width == padded)
                {
                    for (int c = 0; c < width; c += lanes) TLanes.Transpose(turned + c * lanes, lanes, output + block * dim + c, dim);
                    continue;
                }

                for (int c = 0; c < padded; c += lanes) TLanes.Transpose(turned + c * lanes, lanes, rows + c, padded);
                for (int i = first; i < last; i++) new ReadOnlySpan<float>(rows + (i - block) * padded, width).CopyTo(new Span<float>(output + i * dim, width));
            }
        }
    }

    /// <summary>Products of the queries with the keys of four slots.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score<TVector, TLanes>(float* queries, float* k0, float* k1, float* k2, float* k3, int width, float* scores)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector s0 = TLanes.Create(0f), s1 = s0, s2 = s0, s3 = s0;
        nint at = 0;
        for (int c = 0; c < width; c++, at += Block, queries += TLanes.Count)
        {
            TVector q = TLanes.Load(queries);
            s0 = TLanes.MultiplyAdd(q, TLanes.Load(k0 + at), s0);
            s1 = TLanes.MultiplyAdd(q, TLanes.Load(k1 + at), s1);
            s2 = TLanes.MultiplyAdd(q, TLanes.Load(k2 + at), s2);
            s3 = TLanes.MultiplyAdd(q, TLanes.Load(k3 + at), s3);
        }

        TLanes.Store(s0, scores);
        TLanes.Store(s1, scores + TLanes.Count);
        TLanes.Store(s2, scores + 2 * TLanes.Count);
        TLanes.Store(s3, scores + 3 * TLanes.Count);
    }

    /// <summary>Weighted sums of four numbers of the head over the slots.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mix<TVector, TLanes>(float* weights, float** values, int count, nint at, float* result)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector s0 = TLanes.Create(0f), s1 = s0, s2 = s0, s3 = s0;
        for (int s = 0; s < count; s++, weights += TLanes.Count)
        {
            TVector weight = TLanes.Load(weights);
            float* value = values[s] + at;
            s0 = TLanes.MultiplyAdd(weight, TLanes.Load(value), s0);
            s1 = TLanes.MultiplyAdd(weight, TLanes.Load(value + Block), s1);
            s2 = TLanes.MultiplyAdd(weight, TLanes.Load(value + 2 * Block), s2);
            s3 = TLanes.MultiplyAdd(weight, TLanes.Load(value + 3 * Block), s3);
        }

        TLanes.Store(s0, result);
        TLanes.Store(s1, result + TLanes.Count);
        TLanes.Store(s2, result + 2 * TLanes.Count);
        TLanes.Store(s3, result + 3 * TLanes.Count);
    }
}
