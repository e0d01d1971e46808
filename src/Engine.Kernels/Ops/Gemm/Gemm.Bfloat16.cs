using System.Runtime.CompilerServices;
using Engine.Kernels.Interop;
using Engine.Kernels.Memory;

namespace Engine.Kernels.Ops.Gemm;

public static unsafe partial class Gemm
{
    /// <summary>Rows of x, rounded; kept by each thread, so that a product allocates nothing once it has been made.</summary>
    [ThreadStatic]
    private static NativeBuffer<uint>? s_rounded;

    /// <summary>Whether this machine can multiply bfloat16.</summary>
    public static bool HasBfloat16 => KernelsNative.HasBfloat16;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunBfloat16(in Product product, int firstPanel, int lastPanel)
    {
        int inputs = product.Linear.Inputs, outputs = product.Linear.Outputs, pairs = (inputs + 1) / 2;
        int chunk = Math.Min(Math.Max(TileRows, ChunkBytes / (pairs * sizeof(uint)) / TileRows * TileRows), product.Rows);
        if (s_rounded is null || s_rounded.Length < chunk * pairs)
        {
            s_rounded?.Dispose();
            s_rounded = new NativeBuffer<uint>(chunk * pairs);
        }

        float* room = stackalloc float[TileRows * PackedLinear.PanelWidth + 16];
        float* tile = (float*)(((nint)room + 63) & ~63);
        nint* offsets = stackalloc nint[TileRows];
        fixed (uint* rounded = s_rounded.Span, packed = product.Linear.Pairs)
        {
            for (int start = 0; start < product.Rows; start += chunk)
            {
                int end = Math.Min(product.Rows, start + chunk);
                KernelsNative.eng_bf16_round(product.X + (nint)start * inputs, end - start, inputs, rounded);
                for (int panel = firstPanel; panel < lastPanel; panel++)
                {
                    int column = panel * PackedLinear.PanelWidth, width = product.Linear.WidthOf(panel);
                    int valid = Math.Min(width, outputs - column);
                    uint* weights = packed + (nint)column * pairs;
                    for (int row = start; row < end; row += TileRows)
                    {
                        int count = Math.Min(TileRows, end - row);
                        for (int i = 0; i < TileRows; i++) offsets[i] = (nint)(row - start + Math.Min(i, count - 1)) * pairs;
                        float* y = product.Y + (nint)row * outputs + column;
                        bool direct = product.Gates is null && product.Activation == Activation.ActivationFunction.None && count == TileRows && valid == width;
                        uint* ahead = weights + Ahead((row - start) / TileRows, width * pairs, panel + 1 < lastPanel, end < product.Rows ? (nint)(firstPanel - panel) * PackedLinear.PanelWidth * pairs : 0);
                        KernelsNative.eng_gemm_bf16_tile(rounded, offsets, pairs, weights, ahead, product.Bias + column, direct ? y : tile, direct ? outputs : PackedLinear.PanelWidth, width);
                        if (!direct) Finish<Vector512<float>, Lanes512>(product, tile, row, count, column, width, valid);
                    }
                }
            }
        }
    }
}
