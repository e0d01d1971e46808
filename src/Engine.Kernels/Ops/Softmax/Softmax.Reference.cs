namespace Engine.Kernels.Ops.Softmax;

public static unsafe partial class Softmax
{
    private static void RowReference(float* x, int width)
    {
        float max = float.NegativeInfinity;
        for (int i = 0; i < width; i++) max = MathF.Max(max, x[i]);
        double sum = 0;
        for (int i = 0; i < width; i++) sum += Math.Exp((double)x[i] - max);
        for (int i = 0; i < width; i++) x[i] = (float)(Math.Exp((double)x[i] - max) / sum);
    }
}
