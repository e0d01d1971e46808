namespace Engine.Kernels.Ops.Rotary;

public static unsafe partial class Rotary
{
    internal static void RowReference(float* x, int width, float* cosines, float* sines, float* y)
    {
        for (int i = 0; i < width; i += 2)
        {
            float a = x[i], b = x[i + 1];
            y[i] = a * cosines[i] - b * sines[i + 1];
            y[i + 1] = b * cosines[i] + a * sines[i + 1];
        }
    }
}
