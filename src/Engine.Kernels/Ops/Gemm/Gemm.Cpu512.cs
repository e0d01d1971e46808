using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Engine.Kernels.Ops.Gemm;

/// <summary>The 512-bit micro-kernels: written out, because an array of accumulators would live in memory instead of registers.</summary>
public static unsafe partial class Gemm
{
    /// <summary>8 rows × 48 columns in 24 accumulators.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile8x48(float* x, nint* rows, nint inputs, float* weights, float* ahead, float* bias, float* tile, nint stride)
    {
        float* x0 = x + rows[0], x1 = x + rows[1], x2 = x + rows[2], x3 = x + rows[3];
        float* x4 = x + rows[4], x5 = x + rows[5], x6 = x + rows[6], x7 = x + rows[7];
        Vector512<float> b0 = Vector512.Load(bias);
        Vector512<float> b1 = Vector512.Load(bias + 16);
        Vector512<float> b2 = Vector512.Load(bias + 32);
        Vector512<float> c00 = b0, c01 = b1, c02 = b2;
        Vector512<float> c10 = b0, c11 = b1, c12 = b2;
        Vector512<float> c20 = b0, c21 = b1, c22 = b2;
        Vector512<float> c30 = b0, c31 = b1, c32 = b2;
        Vector512<float> c40 = b0, c41 = b1, c42 = b2;
        Vector512<float> c50 = b0, c51 = b1, c52 = b2;
        Vector512<float> c60 = b0, c61 = b1, c62 = b2;
        Vector512<float> c70 = b0, c71 = b1, c72 = b2;
        for (nint i = 0; i < inputs; i++, weights += 48, ahead += 48)
        {
            Sse.Prefetch1(ahead);
            b0 = Vector512.Load(weights);
            b1 = Vector512.Load(weights + 16);
            b2 = Vector512.Load(weights + 32);
            Vector512<float> a = Vector512.Create(x0[i]);
            c00 = Vector512.FusedMultiplyAdd(a, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(a, b1, c01);
            c02 = Vector512.FusedMultiplyAdd(a, b2, c02);
            a = Vector512.Create(x1[i]);
            c10 = Vector512.FusedMultiplyAdd(a, b0, c10);
            c11 = Vector512.FusedMultiplyAdd(a, b1, c11);
            c12 = Vector512.FusedMultiplyAdd(a, b2, c12);
            a = Vector512.Create(x2[i]);
            c20 = Vector512.FusedMultiplyAdd(a, b0, c20);
            c21 = Vector512.FusedMultiplyAdd(a, b1, c21);
            c22 = Vector512.FusedMultiplyAdd(a, b2, c22);
            a = Vector512.Create(x3[i]);
            c30 = Vector512.FusedMultiplyAdd(a, b0, c30);
            c31 = Vector512.FusedMultiplyAdd(a, b1, c31);
            c32 = Vector512.FusedMultiplyAdd(a, b2, c32);
            a = Vector512.Create(x4[i]);
            c40 = Vector512.FusedMultiplyAdd(a, b0, c40);
            c41 = Vector512.FusedMultiplyAdd(a, b1, c41);
            c42 = Vector512.FusedMultiplyAdd(a, b2, c42);
            a = Vector512.Create(x5[i]);
            c50 = Vector512.FusedMultiplyAdd(a, b0, c50);
            c51 = Vector512.FusedMultiplyAdd(a, b1, c51);
            c52 = Vector512.FusedMultiplyAdd(a, b2, c52);
            a = Vector512.Create(x6[i]);
            c60 = Vector512.FusedMultiplyAdd(a, b0, c60);
            c61 = Vector512.FusedMultiplyAdd(a, b1, c61);
            c62 = Vector512.FusedMultiplyAdd(a, b2, c62);
            a = Vector512.Create(x7[i]);
            c70 = Vector512.FusedMultiplyAdd(a, b0, c70);
            c71 = Vector512.FusedMultiplyAdd(a, b1, c71);
            c72 = Vector512.FusedMultiplyAdd(a, b2, c72);
        }

        c00.Store(tile);
        c01.Store(tile + 16);
        c02.Store(tile + 32);
        c10.Store(tile + stride);
        c11.Store(tile + stride + 16);
        c12.Store(tile + stride + 32);
        c20.Store(tile + 2 * stride);
        c21.Store(tile + 2 * stride + 16);
        c22.Store(tile + 2 * stride + 32);
        c30.Store(tile + 3 * stride);
        c31.Store(tile + 3 * stride + 16);
        c32.Store(tile + 3 * stride + 32);
        c40.Store(tile + 4 * stride);
        c41.Store(tile + 4 * stride + 16);
        c42.Store(tile + 4 * stride + 32);
        c50.Store(tile + 5 * stride);
        c51.Store(tile + 5 * stride + 16);
        c52.Store(tile + 5 * stride + 32);
        c60.Store(tile + 6 * stride);
        c61.Store(tile + 6 * stride + 16);
        c62.Store(tile + 6 * stride + 32);
        c70.Store(tile + 7 * stride);
        c71.Store(tile + 7 * stride + 16);
        c72.Store(tile + 7 * stride + 32);
    }

    /// <summary>8 rows × 32 columns in 16 accumulators.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile8x32(float* x, nint* rows, nint inputs, float* weights, float* ahead, float* bias, float* tile, nint stride)
    {
        float* x0 = x + rows[0], x1 = x + rows[1], x2 = x + rows[2], x3 = x + rows[3];
        float* x4 = x + rows[4], x5 = x + rows[5], x6 = x + rows[6], x7 = x + rows[7];
        Vector512<float> b0 = Vector512.Load(bias);
        Vector512<float> b1 = Vector512.Load(bias + 16);
        Vector512<float> c00 = b0, c01 = b1;
        Vector512<float> c10 = b0, c11 = b1;
        Vector512<float> c20 = b0, c21 = b1;
        Vector512<float> c30 = b0, c31 = b1;
        Vector512<float> c40 = b0, c41 = b1;
        Vector512<float> c50 = b0, c51 = b1;
        Vector512<float> c60 = b0, c61 = b1;
        Vector512<float> c70 = b0, c71 = b1;
        for (nint i = 0; i < inputs; i++, weights += 32, ahead += 48)
        {
            Sse.Prefetch1(ahead);
            b0 = Vector512.Load(weights);
            b1 = Vector512.Load(weights + 16);
            Vector512<float> a = Vector512.Create(x0[i]);
            c00 = Vector512.FusedMultiplyAdd(a, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(a, b1, c01);
            a = Vector512.Create(x1[i]);
            c10 = Vector512.FusedMultiplyAdd(a, b0, c10);
            c11 = Vector512.FusedMultiplyAdd(a, b1, c11);
            a = Vector512.Create(x2[i]);
            c20 = Vector512.FusedMultiplyAdd(a, b0, c20);
            c21 = Vector512.FusedMultiplyAdd(a, b1, c21);
            a = Vector512.Create(x3[i]);
            c30 = Vector512.FusedMultiplyAdd(a, b0, c30);
            c31 = Vector512.FusedMultiplyAdd(a, b1, c31);
            a = Vector512.Create(x4[i]);
            c40 = Vector512.FusedMultiplyAdd(a, b0, c40);
            c41 = Vector512.FusedMultiplyAdd(a, b1, c41);
            a = Vector512.Create(x5[i]);
            c50 = Vector512.FusedMultiplyAdd(a, b0, c50);
            c51 = Vector512.FusedMultiplyAdd(a, b1, c51);
            a = Vector512.Create(x6[i]);
            c60 = Vector512.FusedMultiplyAdd(a, b0, c60);
            c61 = Vector512.FusedMultiplyAdd(a, b1, c61);
            a = Vector512.Create(x7[i]);
            c70 = Vector512.FusedMultiplyAdd(a, b0, c70);
            c71 = Vector512.FusedMultiplyAdd(a, b1, c71);
        }

        c00.Store(tile);
        c01.Store(tile + 16);
        c10.Store(tile + stride);
        c11.Store(tile + stride + 16);
        c20.Store(tile + 2 * stride);
        c21.Store(tile + 2 * stride + 16);
        c30.Store(tile + 3 * stride);
        c31.Store(tile + 3 * stride + 16);
        c40.Store(tile + 4 * stride);
        c41.Store(tile + 4 * stride + 16);
        c50.Store(tile + 5 * stride);
        c51.Store(tile + 5 * stride + 16);
        c60.Store(tile + 6 * stride);
        c61.Store(tile + 6 * stride + 16);
        c70.Store(tile + 7 * stride);
        c71.Store(tile + 7 * stride + 16);
    }

    /// <summary>8 rows × 16 columns in 8 accumulators.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile8x16(float* x, nint* rows, nint inputs, float* weights, float* ahead, float* bias, float* tile, nint stride)
    {
        float* x0 = x + rows[0], x1 = x + rows[1], x2 = x + rows[2], x3 = x + rows[3];
        float* x4 = x + rows[4], x5 = x + rows[5], x6 = x + rows[6], x7 = x + rows[7];
        Vector512<float> b0 = Vector512.Load(bias);
        Vector512<float> c00 = b0;
        Vector512<float> c10 = b0;
        Vector512<float> c20 = b0;
        Vector512<float> c30 = b0;
        Vector512<float> c40 = b0;
        Vector512<float> c50 = b0;
        Vector512<float> c60 = b0;
        Vector512<float> c70 = b0;
        for (nint i = 0; i < inputs; i++, weights += 16, ahead += 48)
        {
            Sse.Prefetch1(ahead);
            b0 = Vector512.Load(weights);
            c00 = Vector512.FusedMultiplyAdd(Vector512.Create(x0[i]), b0, c00);
            c10 = Vector512.FusedMultiplyAdd(Vector512.Create(x1[i]), b0, c10);
            c20 = Vector512.FusedMultiplyAdd(Vector512.Create(x2[i]), b0, c20);
            c30 = Vector512.FusedMultiplyAdd(Vector512.Create(x3[i]), b0, c30);
            c40 = Vector512.FusedMultiplyAdd(Vector512.Create(x4[i]), b0, c40);
            c50 = Vector512.FusedMultiplyAdd(Vector512.Create(x5[i]), b0, c50);
            c60 = Vector512.FusedMultiplyAdd(Vector512.Create(x6[i]), b0, c60);
            c70 = Vector512.FusedMultiplyAdd(Vector512.Create(x7[i]), b0, c70);
        }

        c00.Store(tile);
        c10.Store(tile + stride);
        c20.Store(tile + 2 * stride);
        c30.Store(tile + 3 * stride);
        c40.Store(tile + 4 * stride);
        c50.Store(tile + 5 * stride);
        c60.Store(tile + 6 * stride);
        c70.Store(tile + 7 * stride);
    }
}
