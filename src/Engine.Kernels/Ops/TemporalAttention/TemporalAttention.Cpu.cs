using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.TemporalAttention;

public static unsafe partial class TemporalAttention
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AttendVector<TVector, TLanes>(in Frame frame, int firstToken, int lastToken)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int width = frame.Width, whole = width / TLanes.Count * TLanes.Count, count = frame.SlotCount, padded = (count + 15) & ~15;
        nint dim = (nint)frame.Heads * width;
        float scale = 1f / MathF.Sqrt(width);
        float* query = stackalloc float[width], weights = stackalloc float[padded];
        float** rows = stackalloc float*[count];
        for (int token = firstToken; token < lastToken; token++)
        {
            for (int head = 0; head < frame.Heads; head++)
            {
                nint at = token * dim + head * width;
                Rotary.Rotary.RowVector<TVector, TLanes>(frame.Qkv + token * 3 * dim + head * width, width, frame.Cosines, frame.Sines, query);
                for (int s = 0; s < count; s++)
                {
                    nint row = (nint)frame.Slots[s] * frame.Tokens * dim + at;
                    float* key = frame.Keys + row;
                    rows[s] = frame.Values + row;
                    TVector sums = TLanes.Create(0f);
                    for (int c = 0; c < whole; c += TLanes.Count) sums = TLanes.MultiplyAdd(TLanes.Load(query + c), TLanes.Load(key + c), sums);
                    float dot = TLanes.Sum(sums);
                    for (int c = whole; c < width; c++) dot += query[c] * key[c];
                    weights[s] = dot * scale;
                }

                float factor = 1f / Softmax.Softmax.ExponentiatePadded<TVector, TLanes>(weights, count, padded);
                TVector factors = TLanes.Create(factor);
                float* output = frame.Output + at;
                for (int c = 0; c < whole; c += TLanes.Count)
                {
                    TVector sums = TLanes.Create(0f);
                    for (int s = 0; s < count; s++) sums = TLanes.MultiplyAdd(TLanes.Create(weights[s]), TLanes.Load(rows[s] + c), sums);
                    TLanes.Store(TLanes.Multiply(sums, factors), output + c);
                }

                for (int c = whole; c < width; c++)
                {
                    float sum = 0;
                    for (int s = 0; s < count; s++) sum = MathF.FusedMultiplyAdd(weights[s], rows[s][c], sum);
                    output[c] = sum * factor;
                }
            }
        }
    }
}
