using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Engine.Kernels.Memory;
using Engine.Kernels.Threading;

namespace Engine.Kernels.Diagnostics;

/// <summary>Measures how many bytes a second the memory moves, so that a kernel that only streams can be told as a share of it.</summary>
public static class MemoryBandwidth
{
    /// <summary>Far beyond the caches of today's processors.</summary>
    private const int Numbers = 48 << 20;

    private static readonly Lazy<Arrays> s_arrays = new(() => new Arrays());

    /// <summary>Bytes read plus bytes written, in GB/s, by all threads of the shared pool: the faster of copying and of summing.</summary>
    public static double Measure()
    {
        var arrays = s_arrays.Value;
        double best = 0;
        foreach (bool write in new[] { false, true })
        {
            arrays.Write = write;
            long start = Stopwatch.GetTimestamp();
            WorkerPool.Shared.Run(arrays);
            best = Math.Max(best, (write ? 2.0 : 1.0) * sizeof(float) * Numbers / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9);
        }

        return best;
    }

    private sealed class Arrays : IParallelJob
    {
        // Keeps the sum from being optimised away.
        private volatile float _sum;
        private readonly NativeBuffer<float> _source = new(Numbers), _target = new(Numbers);

        public bool Write { get; set; }

        public void Execute(int index, int count)
        {
            int first = (int)((long)Numbers * index / count), last = (int)((long)Numbers * (index + 1) / count);
            var source = _source.Span[first..last];
            if (Write) source.CopyTo(_target.Span[first..last]);
            else _sum = Sum(source);
        }

        /// <summary>Four streams at once: one alone waits for its own next line.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static float Sum(ReadOnlySpan<float> values)
        {
            Vector512<float> a = default, b = default, c = default, d = default;
            ref float at = ref MemoryMarshal.GetReference(values);
            nuint quarter = (nuint)values.Length / 64 * 16;
            for (nuint i = 0; i < quarter; i += 16)
            {
                a += Vector512.LoadUnsafe(ref at, i);
                b += Vector512.LoadUnsafe(ref at, i + quarter);
                c += Vector512.LoadUnsafe(ref at, i + 2 * quarter);
                d += Vector512.LoadUnsafe(ref at, i + 3 * quarter);
            }

            return Vector512.Sum(a + b + c + d);
        }
    }
}
