using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.GroupNorm;

public static unsafe partial class GroupNorm
{
    /// <summary>Channels whose factors fit on the stack.</summary>
    private const int MostChannels = 4096;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TVector, TLanes>(in Image image)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int channels = image.Channels, whole = channels / TLanes.Count * TLanes.Count, width = channels / image.Groups;
        float count = (float)image.Pixels * width;
        float* means = stackalloc float[channels];
        float* factors = stackalloc float[channels];
        new Span<float>(means, channels).Clear();
        Sum<TVector, TLanes>(image, means, factors, squares: false);
        Share(factors, means, count, image);

        // A second pass for the variance: x² − mean² would cancel.
        float* sums = stackalloc float[channels];
        Sum<TVector, TLanes>(image, means, sums, squares: true);
        Share(sums, factors, count, image);
        for (int channel = 0; channel < channels; channel++)
        {
            float factor = image.Scale[channel] / MathF.Sqrt(factors[channel] + image.Epsilon);
            factors[channel] = factor;
            sums[channel] = MathF.FusedMultiplyAdd(-means[channel], factor, image.Shift[channel]);
        }

        for (int pixel = image.FirstPixel; pixel < image.LastPixel; pixel++)
        {
            float* from = image.X + (nint)pixel * channels, to = image.Y + (nint)pixel * channels;
            for (int c = 0; c < whole; c += TLanes.Count) TLanes.Store(TLanes.MultiplyAdd(TLanes.Load(from + c), TLanes.Load(factors + c), TLanes.Load(sums + c)), to + c);
            for (int c = whole; c < channels; c++) to[c] = MathF.FusedMultiplyAdd(from[c], factors[c], sums[c]);
        }
    }

    /// <summary>For each channel the sum of x − mean, or of its square, over the image.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum<TVector, TLanes>(in Image image, float* means, float* sums, bool squares)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int channels = image.Channels, whole = channels / TLanes.Count * TLanes.Count, pairs = image.Pixels / 2 * 2;
        for (int c = 0; c < whole; c += TLanes.Count)
        {
            // Even and odd pixels apart: one sum alone would wait for itself.
            TVector mean = TLanes.Load(means + c), even = TLanes.Create(0f), odd = even;
            float* x = image.X + c;
            for (int pixel = 0; pixel < pairs; pixel += 2, x += 2 * channels)
            {
                TVector first = TLanes.Subtract(TLanes.Load(x), mean), second = TLanes.Subtract(TLanes.Load(x + channels), mean);
                even = squares ? TLanes.MultiplyAdd(first, first, even) : TLanes.Add(first, even);
                odd = squares ? TLanes.MultiplyAdd(second, second, odd) : TLanes.Add(second, odd);
            }

            if (pairs < image.Pixels)
            {
                TVector last = TLanes.Subtract(TLanes.Load(x), mean);
                even = squares ? TLanes.MultiplyAdd(last, last, even) : TLanes.Add(last, even);
            }

            TLanes.Store(TLanes.Add(even, odd), sums + c);
        }

        for (int c = whole; c < channels; c++)
        {
            float even = 0, odd = 0;
            for (int pixel = 0; pixel < image.Pixels; pixel++)
            {
                float value = image.X[(nint)pixel * channels + c] - means[c];
                ref float sum = ref (pixel % 2 == 0 ? ref even : ref odd);
                sum = squares ? MathF.FusedMultiplyAdd(value, value, sum) : value + sum;
            }

            sums[c] = even + odd;
        }
    }

    /// <summary>Gives every channel its group's mean.</summary>
    private static void Share(float* sums, float* means, float count, in Image image)
    {
        int width = image.Channels / image.Groups;
        for (int group = 0; group < image.Groups; group++)
        {
            float sum = 0;
            for (int i = 0; i < width; i++) sum += sums[group * width + i];
            for (int i = 0; i < width; i++) means[group * width + i] = sum / count;
        }
    }
}
