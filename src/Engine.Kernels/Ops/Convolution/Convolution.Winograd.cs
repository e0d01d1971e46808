using System.Runtime.CompilerServices;
using Engine.Kernels.Memory;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.Convolution;

/// <summary>
/// Kernels of 3 × 3 with stride 1: tiles of the image are transformed, multiplied point by point with the transformed weights (one matrix product for each
/// point, over all tiles) and transformed back, which takes less than half or a quarter of the multiplications.
/// </summary>
public static unsafe partial class Convolution
{
    /// <summary>Tiles that are multiplied together; their transforms stay in the second-level cache.</summary>
    private const int TileBlock = 32;

    [ThreadStatic]
    private static NativeBuffer<float>? s_transforms;

    private static void RunWinograd<TTile>(
        KernelVariant variant, ReadOnlySpan<float> x, int height, int width, PackedConvolution packed, Span<float> y, ActivationFunction activation, bool add, int firstRow, int lastRow)
        where TTile : struct, IWinogradTile
    {
        int columns = packed.OutputSize(width), across = (columns + TTile.Results - 1) / TTile.Results, points = TTile.Points * TTile.Points;
        int padded = packed.Taps[0].Outputs;
        int first = firstRow / TTile.Results * across, last = (lastRow + TTile.Results - 1) / TTile.Results * across;

        // One more register: transforms of a tile would otherwise fall on few sets of the first-level cache.
        int inputStep = TileBlock * packed.Inputs + 16, productStep = TileBlock * padded + 16;
        int needed = points * (inputStep + productStep);
        if (s_transforms is null || s_transforms.Length < needed)
        {
            s_transforms?.Dispose();
            s_transforms = new NativeBuffer<float>(needed);
        }

        Span<float> inputs = s_transforms.Slice(0, points * inputStep), products = s_transforms.Slice(points * inputStep, points * productStep);
        fixed (float* px = x, py = y, pinputs = inputs, pproducts = products, pbias = packed.Linear.Bias)
        {
            var job = new Tiles(px, height, width, packed, pbias, py, activation, add, firstRow, lastRow, across, columns, padded, inputStep, productStep);
            for (int tile = first; tile < last; tile += TileBlock)
            {
                int count = Math.Min(TileBlock, last - tile);
                if (variant == KernelVariant.Vector512) TransformInput<TTile, Vector512<float>, Lanes512>(job, tile, count, pinputs);
                else TransformInput<TTile, Vector256<float>, Lanes256>(job, tile, count, pinputs);
                for (int point = 0; point < points; point++)
                {
                    Gemm.Gemm.Multiply(
                        variant, inputs[(point * inputStep)..], count, packed.Taps[point], products.Slice(point * productStep, count * padded), ActivationFunction.None, 0, packed.Taps[point].Panels);
                }

                if (variant == KernelVariant.Vector512) TransformOutput<TTile, Vector512<float>, Lanes512>(job, tile, count, pproducts);
                else TransformOutput<TTile, Vector256<float>, Lanes256>(job, tile, count, pproducts);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformInput<TTile, TVector, TLanes>(in Tiles job, int tile, int count, float* to)
        where TTile : struct, IWinogradTile
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        PackedConvolution packed = job.Packed;
        int channels = packed.Inputs, points = TTile.Points, lanes = TLanes.Count;
        float* half = stackalloc float[points * points * lanes];
        float* edge = stackalloc float[points * points * lanes];
        for (int i = 0; i < count; i++, tile++)
        {
            int top = tile / job.Across * TTile.Results - packed.Padding, left = tile % job.Across * TTile.Results - packed.Padding;
            bool inside = top >= 0 && left >= 0 && top + points <= job.Height && left + points <= job.Width;
            float* corner = job.X + ((nint)top * job.Width + left) * channels;
            for (int c = 0; c < channels; c += lanes)
            {
                // The last register overlaps the one before it.
                int channel = Math.Min(c, channels - lanes);
                float* from = corner + channel;
                nint row = (nint)job.Width * channels, column = channels;
                if (!inside)
                {
                    for (int r = 0; r < points; r++)
                    {
                        for (int k = 0; k < points; k++)
                        {
                            bool within = top + r >= 0 && top + r < job.Height && left + k >= 0 && left + k < job.Width;
                            TLanes.Store(within ? TLanes.Load(from + r * row + k * column) : TLanes.Create(0f), edge + (r * points + k) * lanes);
                        }
                    }

                    from = edge;
                    row = points * lanes;
                    column = lanes;
                }

                for (int k = 0; k < points; k++) TTile.Input<TVector, TLanes>(from + k * column, row, half + k * lanes, points * lanes);
                float* target = to + i * channels + channel;
                for (int r = 0; r < points; r++) TTile.Input<TVector, TLanes>(half + r * points * lanes, lanes, target + (nint)(r * points) * job.InputStep, job.InputStep);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformOutput<TTile, TVector, TLanes>(in Tiles job, int tile, int count, float* from)
        where TTile : struct, IWinogradTile
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int outputs = job.Packed.Outputs, points = TTile.Points, results = TTile.Results, lanes = TLanes.Count;
        float* half = stackalloc float[results * points * lanes];
        float* whole = stackalloc float[results * results * lanes];
        for (int i = 0; i < count; i++, tile++)
        {
            int top = tile / job.Across * results, left = tile % job.Across * results;
            int wide = Math.Min(results, job.Columns - left);
            int begin = Math.Max(job.FirstRow - top, 0), end = Math.Min(job.LastRow - top, results);
            for (int channel = 0; channel < outputs; channel += lanes)
            {
                float* products = from + i * job.Padded + channel;
                for (int r = 0; r < points; r++) TTile.Output<TVector, TLanes>(products + (nint)(r * points) * job.ProductStep, job.ProductStep, half + r * results * lanes, lanes);
                for (int k = 0; k < results; k++) TTile.Output<TVector, TLanes>(half + k * lanes, results * lanes, whole + k * lanes, results * lanes);
                TVector bias = TLanes.Load(job.Bias + channel);
                for (float* at = whole; at < whole + results * results * lanes; at += lanes) TLanes.Store(TLanes.Add(TLanes.Load(at), bias), at);
                Ops.Activation.Activation.Run<TVector, TLanes>(job.Activation, whole, whole, results * results * lanes);
                int valid = Math.Min(lanes, outputs - channel);
                for (int r = begin; r < end; r++)
                {
                    float* result = whole + r * results * lanes, y = job.Y + ((nint)(top + r) * job.Columns + left) * outputs + channel;
                    for (int k = 0; k < wide; k++, result += lanes, y += outputs) Put<TVector, TLanes>(result, y, valid, job.Add);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<TVector, TLanes>(float* from, float* to, int valid, bool add)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        if (valid == TLanes.Count)
        {
            TVector value = TLanes.Load(from);
            TLanes.Store(add ? TLanes.Add(TLanes.Load(to), value) : value, to);
            return;
        }

        for (int i = 0; i < valid; i++) to[i] = add ? to[i] + from[i] : from[i];
    }

    private readonly struct Tiles(
        float* x, int height, int width, PackedConvolution packed, float* bias, float* y, ActivationFunction activation, bool add, int firstRow, int lastRow,
        int across, int columns, int padded, int inputStep, int productStep)
    {
        public readonly float* X = x, Bias = bias, Y = y;
        public readonly int Height = height, Width = width, FirstRow = firstRow, LastRow = lastRow, Across = across, Columns = columns, Padded = padded;
        public readonly nint InputStep = inputStep, ProductStep = productStep;
        public readonly PackedConvolution Packed = packed;
        public readonly ActivationFunction Activation = activation;
        public readonly bool Add = add;
    }
}
