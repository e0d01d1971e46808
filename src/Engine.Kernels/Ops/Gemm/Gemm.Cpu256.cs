using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.Gemm;

/// <summary>The 256-bit micro-kernel, on the same packed weights.</summary>
public static unsafe partial class Gemm
{
    /// <summary>4 rows × 16 columns in 8 accumulators.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4x16(float* x, nint* rows, nint inputs, float* weights, nint width, float* bias, float* tile, nint stride)
    {
        float* x0 = x + rows[0], x1 = x + rows[1], x2 = x + rows[2], x3 = x + rows[3];
        Vector256<float> b0 = Vector256.Load(bias), b1 = Vector256.Load(bias + 8);
        Vector256<float> c00 = b0, c01 = b1;
        Vector256<float> c10 = b0, c11 = b1;
        Vector256<float> c20 = b0, c21 = b1;
        Vector256<float> c30 = b0, c31 = b1;
        for (nint i = 0; i < inputs; i++, weights += width)
        {
            b0 = Vector256.Load(weights);
            b1 = Vector256.Load(weights + 8);
            Vector256<float> a = Vector256.Create(x0[i]);
            c00 = Vector256.FusedMultiplyAdd(a, b0, c00);
            c01 = Vector256.FusedMultiplyAdd(a, b1, c01);
            a = Vector256.Create(x1[i]);
            c10 = Vector256.FusedMultiplyAdd(a, b0, c10);
            c11 = Vector256.FusedMultiplyAdd(a, b1, c11);
            a = Vector256.Create(x2[i]);
            c20 = Vector256.FusedMultiplyAdd(a, b0, c20);
            c21 = Vector256.FusedMultiplyAdd(a, b1, c21);
            a = Vector256.Create(x3[i]);
            c30 = Vector256.FusedMultiplyAdd(a, b0, c30);
            c31 = Vector256.FusedMultiplyAdd(a, b1, c31);
        }

        c00.Store(tile);
        c01.Store(tile + 8);
        c10.Store(tile + stride);
        c11.Store(tile + stride + 8);
        c20.Store(tile + 2 * stride);
        c21.Store(tile + 2 * stride + 8);
        c30.Store(tile + 3 * stride);
        c31.Store(tile + 3 * stride + 8);
    }
}
