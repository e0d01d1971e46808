namespace Engine.Kernels.Ops.DdimUpdate;

public static unsafe partial class DdimUpdate
{
    private static void RowReference(float* x, float* v, float* previous, int columns, in DdimStep step)
    {
        for (int i = 0; i < columns; i++)
        {
            float value = MathF.FusedMultiplyAdd(step.X, x[i], step.V * v[i]);
            x[i] = previous is null ? value : MathF.FusedMultiplyAdd(step.Previous, previous[i], value);
        }
    }
}
