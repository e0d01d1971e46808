using System.Runtime.CompilerServices;
using Engine.Kernels.Memory;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.Convolution;

public static unsafe partial class Convolution
{
    /// <summary>Bytes of patches that are multiplied together; they stay in the second-level cache.</summary>
    private const int PatchBytes = 96 << 10;

    /// <summary>Patches; kept by each thread, so that a convolution allocates nothing once it has been made.</summary>
    [ThreadStatic]
    private static NativeBuffer<float>? s_patches;

    /// <summary>Gathers patches, some at a time, and multiplies them as the rows of a matrix: copying is a few hundredths of the work, and the product's kernels are there.</summary>
    private static void RunPatches(
        KernelVariant variant, ReadOnlySpan<float> x, int height, int width, PackedConvolution packed, Span<float> y, ActivationFunction activation, bool add, int firstRow, int lastRow)
    {
        int columns = packed.OutputSize(width), outputs = packed.Outputs, numbers = packed.Linear.Inputs;
        int first = firstRow * columns, last = lastRow * columns;
        if (packed.IsPointwise)
        {
            Multiply(variant, x[(first * numbers)..], last - first, packed, y[(first * outputs)..], activation, add);
            return;
        }

        int chunk = Math.Max(8, PatchBytes / (numbers * sizeof(float)) / 8 * 8);
        if (s_patches is null || s_patches.Length < chunk * numbers)
        {
            s_patches?.Dispose();
            s_patches = new NativeBuffer<float>(chunk * numbers);
        }

        Span<float> patches = s_patches.Span;
        for (int pixel = first; pixel < last; pixel += chunk)
        {
            int count = Math.Min(chunk, last - pixel);
            fixed (float* from = x, to = patches)
            {
                if (variant == KernelVariant.Vector512) Gather<Vector512<float>, Lanes512>(from, height, width, packed, columns, pixel, count, to);
                else Gather<Vector256<float>, Lanes256>(from, height, width, packed, columns, pixel, count, to);
            }

            Multiply(variant, patches, count, packed, y[(pixel * outputs)..], activation, add);
        }
    }

    private static void Multiply(KernelVariant variant, ReadOnlySpan<float> patches, int count, PackedConvolution packed, Span<float> y, ActivationFunction activation, bool add)
    {
        if (add) Gemm.Gemm.MultiplyGated(variant, patches, count, packed.Linear, packed.Ones, 0, Math.Max(count, 1), 0, y);
        else Gemm.Gemm.Multiply(variant, patches, count, packed.Linear, y, activation, 0, packed.Linear.Panels);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gather<TVector, TLanes>(float* x, int height, int width, PackedConvolution packed, int columns, int pixel, int count, float* to)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int kernel = packed.Kernel, channels = packed.Inputs, stride = packed.Stride, run = kernel * channels;
        int top = pixel / columns * stride - packed.Padding, left = pixel % columns * stride - packed.Padding, end = columns * stride - packed.Padding;
        for (int i = 0; i < count; i++)
        {
            // Numbers of a patch's row that lie within the image; the others are zeros.
            int begin = Math.Max(-left, 0) * channels, stop = Math.Max(begin, Math.Min(kernel, width - left) * channels);
            for (int row = top; row < top + kernel; row++, to += run)
            {
                if (row < 0 || row >= height)
                {
                    Clear<TVector, TLanes>(to, run);
                    continue;
                }

                if (begin > 0) Clear<TVector, TLanes>(to, begin);
                Copy<TVector, TLanes>(x + ((nint)row * width + left) * channels + begin, to + begin, stop - begin);
                if (stop < run) Clear<TVector, TLanes>(to + stop, run - stop);
            }

            left += stride;
            if (left < end) continue;
            left = -packed.Padding;
            top += stride;
        }
    }

    /// <summary>Copies; the last register overlaps the one before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy<TVector, TLanes>(float* from, float* to, int length)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int i = 0;
        for (; i <= length - TLanes.Count; i += TLanes.Count) TLanes.Store(TLanes.Load(from + i), to + i);
        if (i == length) return;
        if (length >= TLanes.Count)
        {
            TLanes.Store(TLanes.Load(from + length - TLanes.Count), to + length - TLanes.Count);
            return;
        }

        if (length >= 8)
        {
            Vector256<float> first = Vector256.Load(from), last = Vector256.Load(from + length - 8);
            first.Store(to);
            last.Store(to + length - 8);
            return;
        }

        for (; i < length; i++) to[i] = from[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Clear<TVector, TLanes>(float* to, int length)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int i = 0;
        for (; i <= length - TLanes.Count; i += TLanes.Count) TLanes.Store(TLanes.Create(0f), to + i);
        for (; i < length; i++) to[i] = 0f;
    }
}
