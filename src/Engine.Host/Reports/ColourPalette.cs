namespace Engine.Host.Reports;

/// <summary>
/// A few colours that stand for many: median cut (Heckbert 1982) followed by k-means steps. Exact where there are no more colours than places.
/// </summary>
internal sealed class ColourPalette
{
    private const int KMeansSteps = 4;

    private readonly Rgb[] _colours;
    private readonly Dictionary<int, byte> _nearest = [];

    private ColourPalette(Rgb[] colours) => _colours = colours;

    public int Count => _colours.Length;

    public Rgb this[int index] => _colours[index];

    /// <summary>At most <paramref name="count"/> colours for all frames together, u8 RGB each.</summary>
    public static ColourPalette For(IEnumerable<byte[]> frames, int count)
    {
        var histogram = new Dictionary<int, int>();
        foreach (byte[] frame in frames)
        {
            for (int i = 0; i < frame.Length; i += 3)
            {
                int key = Key(frame[i], frame[i + 1], frame[i + 2]);
                histogram[key] = histogram.GetValueOrDefault(key) + 1;
            }
        }

        var samples = histogram.OrderBy(entry => entry.Key).Select(entry => new Sample(Colour(entry.Key), entry.Value)).ToArray();
        if (samples.Length <= count) return new ColourPalette(samples.Select(sample => sample.Colour).ToArray());
        // Beyond some ten thousand colours neighbours are merged first: the result is the same to the eye and the work stays small.
        for (int drop = 1; samples.Length > 20_000; drop++) samples = Merge(samples, drop);
        return new ColourPalette(Refine(MedianCut(samples, count), samples));
    }

    /// <summary>The index of the nearest colour for every pixel.</summary>
    public byte[] Map(ReadOnlySpan<byte> rgb)
    {
        var indices = new byte[rgb.Length / 3];
        for (int i = 0; i < indices.Length; i++)
        {
            int key = Key(rgb[i * 3], rgb[i * 3 + 1], rgb[i * 3 + 2]);
            if (!_nearest.TryGetValue(key, out byte index))
            {
                index = (byte)Nearest(_colours, Colour(key));
                _nearest[key] = index;
            }

            indices[i] = index;
        }

        return indices;
    }

    private static Rgb[] MedianCut(Sample[] samples, int count)
    {
        // The box with the greatest summed squared error along one channel is cut next, at its weighted mean.
        var boxes = new PriorityQueue<Box, double>();
        var first = new Box(samples, 0, samples.Length);
        boxes.Enqueue(first, -first.Error);
        while (boxes.Count < count && boxes.TryDequeue(out var box, out double priority))
        {
            if (priority >= 0)
            {
                boxes.Enqueue(box, priority);
                break;
            }

            var (low, high) = box.Cut();
            boxes.Enqueue(low, -low.Error);
            boxes.Enqueue(high, -high.Error);
        }

        return boxes.UnorderedItems.Select(item => item.Element.Mean).ToArray();
    }

    private static Rgb[] Refine(Rgb[] colours, Sample[] samples)
    {
        for (int step = 0; step < KMeansSteps; step++)
        {
            var sums = new (long R, long G, long B, long N)[colours.Length];
            foreach (var sample in samples)
            {
                ref var sum = ref sums[Nearest(colours, sample.Colour)];
                sum.R += (long)sample.Colour.R * sample.Count;
                sum.G += (long)sample.Colour.G * sample.Count;
                sum.B += (long)sample.Colour.B * sample.Count;
                sum.N += sample.Count;
            }

            for (int i = 0; i < colours.Length; i++)
            {
                var (r, g, b, n) = sums[i];
                if (n > 0) colours[i] = new Rgb((byte)((r + n / 2) / n), (byte)((g + n / 2) / n), (byte)((b + n / 2) / n));
            }
        }

        return colours;
    }

    private static int Nearest(Rgb[] colours, Rgb colour)
    {
        int best = 0, bestDistance = int.MaxValue;
        for (int i = 0; i < colours.Length; i++)
        {
            // The eye weighs green most; 2-4-3 is the usual cheap weighting.
            int r = colours[i].R - colour.R, g = colours[i].G - colour.G, b = colours[i].B - colour.B;
            int distance = 2 * r * r + 4 * g * g + 3 * b * b;
            if (distance < bestDistance) (best, bestDistance) = (i, distance);
        }

        return best;
    }

    private static Sample[] Merge(Sample[] samples, int drop) => samples
        .GroupBy(sample => Key((byte)(sample.Colour.R >> drop), (byte)(sample.Colour.G >> drop), (byte)(sample.Colour.B >> drop)))
        .Select(group => new Sample(Mean(group), group.Sum(sample => sample.Count)))
        .ToArray();

    private static Rgb Mean(IEnumerable<Sample> samples)
    {
        long r = 0, g = 0, b = 0, n = 0;
        foreach (var sample in samples)
        {
            r += (long)sample.Colour.R * sample.Count;
            g += (long)sample.Colour.G * sample.Count;
            b += (long)sample.Colour.B * sample.Count;
            n += sample.Count;
        }

        return new Rgb((byte)((r + n / 2) / n), (byte)((g + n / 2) / n), (byte)((b + n / 2) / n));
    }

    private static int Key(byte r, byte g, byte b) => r << 16 | g << 8 | b;

    private static Rgb Colour(int key) => new((byte)(key >> 16), (byte)(key >> 8), (byte)key);

    private readonly record struct Sample(Rgb Colour, int Count)
    {
        public int this[int channel] => channel switch { 0 => Colour.R, 1 => Colour.G, _ => Colour.B };
    }

    /// <summary>Samples [from, to), with the channel along which they spread most.</summary>
    private sealed class Box
    {
        private readonly Sample[] _samples;
        private readonly int _from;
        private readonly int _to;
        private readonly int _channel;
        private readonly double _centre;

        public Box(Sample[] samples, int from, int to)
        {
            (_samples, _from, _to) = (samples, from, to);
            for (int channel = 0; channel < 3; channel++)
            {
                double n = 0, sum = 0, squares = 0;
                for (int i = from; i < to; i++)
                {
                    double value = samples[i][channel];
                    n += samples[i].Count;
                    sum += value * samples[i].Count;
                    squares += value * value * samples[i].Count;
                }

                double error = to - from < 2 ? 0 : squares - sum * sum / n;
                if (error <= Error + 1e-6) continue;
                (Error, _channel, _centre) = (error, channel, sum / n);
            }
        }

        /// <summary>Summed squared distance from the mean along the widest channel; 0 for a single colour.</summary>
        public double Error { get; }

        public Rgb Mean => ColourPalette.Mean(new ArraySegment<Sample>(_samples, _from, _to - _from));

        public (Box Low, Box High) Cut()
        {
            Array.Sort(_samples, _from, _to - _from, Comparer<Sample>.Create((a, b) => a[_channel].CompareTo(b[_channel])));
            int at = _from + 1;
            while (at < _to - 1 && _samples[at][_channel] <= _centre) at++;
            return (new Box(_samples, _from, at), new Box(_samples, at, _to));
        }
    }
}
