namespace Engine.Kernels.Ops.SpatialAttention;

public static unsafe partial class SpatialAttention
{
    private static void HeadReference(in Head head)
    {
        nint stride = 3 * head.Dim;
        int width = head.Width;
        float* query = stackalloc float[width], key = stackalloc float[width];
        double* weights = stackalloc double[head.Tokens];
        for (int i = head.FirstQuery; i < head.LastQuery; i++)
        {
            Rotary.Rotary.RowReference(head.Qkv + i * stride, width, head.Cosines + i * width, head.Sines + i * width, query);
            double max = double.NegativeInfinity, sum = 0;
            for (int j = 0; j < head.Tokens; j++)
            {
                Rotary.Rotary.RowReference(head.Qkv + j * stride + head.Dim, width, head.Cosines + j * width, head.Sines + j * width, key);
                weights[j] = 0;
                for (int c = 0; c < width; c++) weights[j] += (double)query[c] * key[c];
                weights[j] /= Math.Sqrt(width);
                max = Math.Max(max, weights[j]);
            }

            for (int j = 0; j < head.Tokens; j++) sum += weights[j] = Math.Exp(weights[j] - max);
            for (int c = 0; c < width; c++)
            {
                double value = 0;
                for (int j = 0; j < head.Tokens; j++) value += weights[j] * head.Qkv[j * stride + 2 * head.Dim + c];
                head.Output[i * head.Dim + c] = (float)(value / sum);
            }
        }
    }
}
