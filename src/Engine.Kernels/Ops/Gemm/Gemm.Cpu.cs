using System.Runtime.CompilerServices;
using Engine.Kernels.Ops.Activation;

namespace Engine.Kernels.Ops.Gemm;

public static unsafe partial class Gemm
{
    private const int TileRows = 8;

    /// <summary>Bytes of x that one sweep over the panels keeps in the second-level cache.</summary>
    private const int ChunkBytes = 192 << 10;

    private readonly struct Product(
        float* x, int rows, PackedLinear linear, float* weights, float* bias, float* y, ActivationFunction activation,
        float* gates, int gateStride, int rowsPerGate, int firstRow)
    {
        public readonly float* X = x, Weights = weights, Bias = bias, Y = y, Gates = gates;
        public readonly int Rows = rows, GateStride = gateStride, RowsPerGate = rowsPerGate, FirstRow = firstRow;
        public readonly PackedLinear Linear = linear;
        public readonly ActivationFunction Activation = activation;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TVector, TLanes>(in Product product, int firstPanel, int lastPanel)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int inputs = product.Linear.Inputs, outputs = product.Linear.Outputs;
        int chunk = Math.Max(TileRows, ChunkBytes / (inputs * sizeof(float)) / TileRows * TileRows);
        float* room = stackalloc float[TileRows * PackedLinear.PanelWidth + 16];
        float* tile = (float*)(((nint)room + 63) & ~63);
        nint* offsets = stackalloc nint[TileRows];
        for (int start = 0; start < product.Rows; start += chunk)
        {
            int end = Math.Min(product.Rows, start + chunk);
            for (int panel = firstPanel; panel < lastPanel; panel++)
            {
                int column = panel * PackedLinear.PanelWidth, width = product.Linear.WidthOf(panel);
                int valid = Math.Min(width, outputs - column);
                float* weights = product.Weights + (nint)column * inputs, bias = product.Bias + column;
                for (int row = start; row < end; row += TileRows)
                {
                    int count = Math.Min(TileRows, end - row);
                    for (int i = 0; i < TileRows; i++) offsets[i] = (nint)Math.Min(i, count - 1) * inputs;
                    float* x = product.X + (nint)row * inputs, y = product.Y + (nint)row * outputs + column;
                    bool direct = product.Gates is null && product.Activation == ActivationFunction.None && count == TileRows && valid == width;
                    float* target = direct ? y : tile;
                    nint stride = direct ? outputs : PackedLinear.PanelWidth;
                    float* ahead = weights + Ahead((row - start) / TileRows, width * inputs, panel + 1 < lastPanel, end < product.Rows ? (nint)(firstPanel - panel) * PackedLinear.PanelWidth * inputs : 0);
                    Tile<TVector>(width, x, offsets, inputs, weights, ahead, bias, target, stride);
                    if (!direct) Finish<TVector, TLanes>(product, tile, row, count, column, width, valid);
                }
            }
        }
    }

    /// <summary>
    /// Where the tile finds what it should ask for ahead: while a panel is multiplied, the next one comes to the second-level cache, a third of it with each of
    /// the first three tiles; behind the last panel comes the first one again where rows are left.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nint Ahead(int tile, nint panel, bool hasNext, nint restart) => tile >= 3 ? 0 : (hasNext ? panel : restart) + tile * 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tile<TVector>(int width, float* x, nint* offsets, nint inputs, float* weights, float* ahead, float* bias, float* target, nint stride)
        where TVector : struct
    {
        if (typeof(TVector) == typeof(Vector512<float>))
        {
            if (width == 48) Tile8x48(x, offsets, inputs, weights, ahead, bias, target, stride);
            else if (width == 32) Tile8x32(x, offsets, inputs, weights, ahead, bias, target, stride);
            else Tile8x16(x, offsets, inputs, weights, ahead, bias, target, stride);
            return;
        }

        for (int column = 0; column < width; column += 16)
        {
            Tile4x16(x, offsets, inputs, weights + column, width, bias + column, target + column, stride);
            Tile4x16(x, offsets + 4, inputs, weights + column, width, bias + column, target + 4 * stride + column, stride);
        }
    }

    /// <summary>What is fused behind the product, on a tile that is still in the first-level cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Finish<TVector, TLanes>(in Product product, float* tile, int row, int count, int column, int width, int valid)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int outputs = product.Linear.Outputs;
        for (int i = 0; i < count; i++)
        {
            float* from = tile + i * PackedLinear.PanelWidth, to = product.Y + (nint)(row + i) * outputs + column;
            if (product.Gates is not null)
            {
                float* gate = product.Gates + (nint)((product.FirstRow + row + i) / product.RowsPerGate) * product.GateStride + column;
                int whole = valid / TLanes.Count * TLanes.Count;
                for (int j = 0; j < whole; j += TLanes.Count)
                {
                    TLanes.Store(TLanes.MultiplyAdd(TLanes.Load(gate + j), TLanes.Load(from + j), TLanes.Load(to + j)), to + j);
                }

                for (int j = whole; j < valid; j++) to[j] = MathF.FusedMultiplyAdd(gate[j], from[j], to[j]);
            }
            else if (valid == width)
            {
                Ops.Activation.Activation.Run<TVector, TLanes>(product.Activation, from, to, width);
            }
            else
            {
                Ops.Activation.Activation.Run<TVector, TLanes>(product.Activation, from, from, width);
                Unsafe.CopyBlockUnaligned(to, from, (uint)valid * sizeof(float));
            }
        }
    }
}
