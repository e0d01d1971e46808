namespace Engine.Kernels.Ops.Pixels;

public static unsafe partial class Pixels
{
    private const float Step = (float)(1 / 127.5);

    private static void NumbersReference(byte* from, float* to, int first, int last)
    {
        for (int i = first; i < last; i++) to[i] = from[i] * Step - 1f;
    }

    private static void BytesReference(float* from, byte* to, int first, int last)
    {
        for (int i = first; i < last; i++) to[i] = (byte)(MathF.Min(MathF.Max(from[i], -1f), 1f) * 127.5f + 128f);
    }
}
