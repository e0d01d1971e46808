namespace Engine.Host.Serving;

/// <summary>
/// Brings u8 RGB images [h, w, 3] to a camera's size as openpi's <c>resize_with_pad</c> does: bilinear (with a triangle filter as wide as the
/// reduction, Pillow's way), keeping the aspect ratio, black beside it. Keeps its filter between calls; not thread-safe.
/// </summary>
public sealed class ImageResizer
{
    private const int MaxSide = 8192;

    private readonly int _height;
    private readonly int _width;
    private Axis? _rows;
    private Axis? _columns;
    private float[] _middle = [];

    /// <exception cref="ArgumentOutOfRangeException">A side is not in 1 … 8192.</exception>
    public ImageResizer(int height, int width)
    {
        if (height is < 1 or > MaxSide) throw new ArgumentOutOfRangeException(nameof(height), height, $"expected 1 to {MaxSide}");
        if (width is < 1 or > MaxSide) throw new ArgumentOutOfRangeException(nameof(width), width, $"expected 1 to {MaxSide}");
        (_height, _width) = (height, width);
    }

    /// <summary>Resizes <paramref name="source"/> [height, width, 3] into <paramref name="destination"/> [H, W, 3].</summary>
    /// <exception cref="ArgumentException">A length does not fit, or a side is not in 1 … 8192.</exception>
    public void Resize(ReadOnlySpan<byte> source, int height, int width, Span<byte> destination)
    {
        if (height is < 1 or > MaxSide || width is < 1 or > MaxSide)
            throw new ArgumentException($"an image of {height}×{width} pixels; expected sides of 1 to {MaxSide}.", nameof(height));
        if (source.Length != height * width * 3) throw new ArgumentException($"source has {source.Length} bytes, expected {height}·{width}·3.", nameof(source));
        if (destination.Length != _height * _width * 3)
            throw new ArgumentException($"destination has {destination.Length} bytes, expected {_height}·{_width}·3.", nameof(destination));
        if (height == _height && width == _width)
        {
            source.CopyTo(destination);
            return;
        }

        double ratio = Math.Max((double)width / _width, (double)height / _height);
        int rows = Math.Clamp((int)(height / ratio), 1, _height), columns = Math.Clamp((int)(width / ratio), 1, _width);
        int top = (_height - rows) / 2, left = (_width - columns) / 2;
        if (_rows?.Fits(height, rows) != true) _rows = new Axis(height, rows);
        if (_columns?.Fits(width, columns) != true) _columns = new Axis(width, columns);
        if (_middle.Length < height * columns * 3) _middle = new float[height * columns * 3];

        for (int y = 0; y < height; y++)
        {
            var from = source.Slice(y * width * 3, width * 3);
            var to = _middle.AsSpan(y * columns * 3, columns * 3);
            for (int x = 0; x < columns; x++)
            {
                var weights = _columns.Weights(x, out int first);
                float r = 0, g = 0, b = 0;
                for (int k = 0; k < weights.Length; k++)
                {
                    int at = (first + k) * 3;
                    r += weights[k] * from[at];
                    g += weights[k] * from[at + 1];
                    b += weights[k] * from[at + 2];
                }

                (to[x * 3], to[x * 3 + 1], to[x * 3 + 2]) = (r, g, b);
            }
        }

        if (rows != _height || columns != _width) destination.Clear();
        for (int y = 0; y < rows; y++)
        {
            var weights = _rows.Weights(y, out int first);
            var to = destination.Slice(((top + y) * _width + left) * 3, columns * 3);
            for (int i = 0; i < to.Length; i++)
            {
                float sum = 0;
                for (int k = 0; k < weights.Length; k++) sum += weights[k] * _middle[(first + k) * columns * 3 + i];
                to[i] = (byte)Math.Clamp(sum + 0.5f, 0f, 255f);
            }
        }
    }

    /// <summary>The triangle filter's weights for every output coordinate of one axis.</summary>
    private sealed class Axis
    {
        private readonly int _from;
        private readonly int _to;
        private readonly int[] _first;
        private readonly float[][] _weights;

        internal Axis(int from, int to)
        {
            (_from, _to) = (from, to);
            _first = new int[to];
            _weights = new float[to][];
            double scale = (double)from / to, support = Math.Max(scale, 1);
            for (int i = 0; i < to; i++)
            {
                double centre = (i + 0.5) * scale;
                int low = Math.Max(0, (int)(centre - support + 0.5)), high = Math.Min(from, (int)(centre + support + 0.5));
                double[] weights = new double[high - low];
                for (int k = 0; k < weights.Length; k++) weights[k] = Math.Max(0, 1 - Math.Abs((low + k - centre + 0.5) / support));
                double total = weights.Sum();
                _first[i] = low;
                _weights[i] = Array.ConvertAll(weights, w => (float)(w / total));
            }
        }

        internal bool Fits(int from, int to) => _from == from && _to == to;

        internal ReadOnlySpan<float> Weights(int coordinate, out int first)
        {
            first = _first[coordinate];
            return _weights[coordinate];
        }
    }
}
