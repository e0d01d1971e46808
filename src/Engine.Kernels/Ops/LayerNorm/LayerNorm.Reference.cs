namespace Engine.Kernels.Ops.LayerNorm;

public static unsafe partial class LayerNorm
{
    private static void RowReference(float* x, int width, float* shift, float* scale, float* y, float epsilon)
    {
        double mean = 0, variance = 0;
        for (int i = 0; i < width; i++) mean += x[i];
        mean /= width;
        for (int i = 0; i < width; i++) variance += (x[i] - mean) * (x[i] - mean);
        double factor = 1 / Math.Sqrt(variance / width + epsilon);
        for (int i = 0; i < width; i++) y[i] = (float)((x[i] - mean) * factor * (1.0 + scale[i]) + shift[i]);
    }
}
