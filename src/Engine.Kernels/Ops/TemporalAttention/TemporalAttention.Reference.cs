namespace Engine.Kernels.Ops.TemporalAttention;

public static unsafe partial class TemporalAttention
{
    private static void AppendReference(in Frame frame, int firstToken, int lastToken)
    {
        int width = frame.Width;
        float* key = stackalloc float[width];
        for (int token = firstToken; token < lastToken; token++)
        {
            for (int head = 0; head < frame.Heads; head++)
            {
                float* from = frame.Qkv + token * frame.Stride + (frame.Heads + head) * width;
                Rotary.Rotary.RowReference(from, width, frame.Cosines, frame.Sines, key);
                for (int c = 0; c < width; c++)
                {
                    nint at = frame.At(frame.Slots[0], head, token) + c * Block;
                    frame.Keys[at] = key[c];
                    frame.Values[at] = from[frame.Heads * width + c];
                }
            }
        }
    }

    private static void AttendReference(in Frame frame, int firstToken, int lastToken)
    {
        int width = frame.Width;
        nint dim = (nint)frame.Heads * width;
        float* query = stackalloc float[width];
        double* weights = stackalloc double[frame.SlotCount];
        for (int token = firstToken; token < lastToken; token++)
        {
            for (int head = 0; head < frame.Heads; head++)
            {
                Rotary.Rotary.RowReference(frame.Qkv + token * 3 * dim + head * width, width, frame.Cosines, frame.Sines, query);
                double max = double.NegativeInfinity, sum = 0;
                for (int s = 0; s < frame.SlotCount; s++)
                {
                    float* key = frame.Keys + frame.At(frame.Slots[s], head, token);
                    weights[s] = 0;
                    for (int c = 0; c < width; c++) weights[s] += (double)query[c] * key[c * Block];
                    weights[s] /= Math.Sqrt(width);
                    max = Math.Max(max, weights[s]);
                }

                for (int s = 0; s < frame.SlotCount; s++) sum += weights[s] = Math.Exp(weights[s] - max);
                for (int c = 0; c < width; c++)
                {
                    double value = 0;
                    for (int s = 0; s < frame.SlotCount; s++) value += weights[s] * frame.Values[frame.At(frame.Slots[s], head, token) + c * Block];
                    frame.Output[token * dim + head * width + c] = (float)(value / sum);
                }
            }
        }
    }
}
