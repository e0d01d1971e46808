using Engine.Kernels.Threading;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Autoencoding;

/// <summary>
/// Images [H, W, 3] to latents [H/8, W/8, C] of zero mean and unit variance, and back, on the runtime's own kernels: a convolutional autoencoder as
/// <c>engine train world-model</c> writes it (<c>models/autoencoder.safetensors</c>). All arrays are channels last. An image's result does not depend on the other
/// images of a call nor on the number of threads. Calls by several threads take turns; each uses the pool. A call allocates nothing.
/// </summary>
public sealed unsafe class Autoencoder : IDisposable
{
    /// <summary>Pixels per latent along each side.</summary>
    public const int Downscale = 8;

    private readonly AutoencoderWeights _weights;
    private readonly WorkerPool _pool;
    private readonly ImagePass[] _passes;
    private readonly Lock _turn = new();
    private readonly Job _job;

    private Autoencoder(AutoencoderWeights weights, int height, int width, WorkerPool pool)
    {
        (_weights, Height, Width, _pool) = (weights, height, width, pool);
        LatentNumbers = Rows * Columns * LatentChannels;
        _passes = new ImagePass[pool.Threads];
        _job = new Job(this);
        for (int i = 0; i < _passes.Length; i++) _passes[i] = new ImagePass(weights, height, width);
    }

    /// <summary>Rows of an image.</summary>
    public int Height { get; }

    /// <summary>Columns of an image.</summary>
    public int Width { get; }

    /// <summary>Rows of latents.</summary>
    public int Rows => Height / Downscale;

    /// <summary>Columns of latents.</summary>
    public int Columns => Width / Downscale;

    /// <summary>Latent channels C.</summary>
    public int LatentChannels => _weights.LatentChannels;

    /// <summary>Numbers in the latents of one image.</summary>
    public int LatentNumbers { get; }

    /// <summary>Numbers, or bytes, in one image.</summary>
    public int ImageNumbers => Height * Width * 3;

    /// <summary>Packs weights named as in the state dict.</summary>
    /// <param name="weights">Arrays by name; convolutions are [out, in, k, k], <c>latent_mean</c> and <c>latent_std</c> [1, C, 1, 1].</param>
    /// <param name="height">Rows of the images, a multiple of 8.</param>
    /// <param name="width">Columns of the images, a multiple of 8.</param>
    /// <param name="pool">Threads; the shared pool when null.</param>
    /// <exception cref="InvalidDataException">A weight is missing, left over, of another shape, or holds a NaN or an infinity; the message names it.</exception>
    /// <exception cref="ArgumentException">The image is no whole number of latents.</exception>
    public static Autoencoder Load(IReadOnlyDictionary<string, NamedArray> weights, int height, int width, WorkerPool? pool = null)
    {
        if (height <= 0 || width <= 0 || height % Downscale != 0 || width % Downscale != 0)
            throw new ArgumentException($"Images must have sides that are multiples of {Downscale}, they are {height} × {width}.", nameof(height));
        return new Autoencoder(new AutoencoderWeights(weights), height, width, pool ?? WorkerPool.Shared);
    }

    /// <summary>Normalised latents (posterior means) of images.</summary>
    /// <param name="images">u8 [n, H, W, 3].</param>
    /// <param name="latents">[n, H/8, W/8, C].</param>
    /// <exception cref="ArgumentException">A length does not fit.</exception>
    public void Encode(ReadOnlySpan<byte> images, Span<float> latents)
    {
        int count = Count(images.Length, nameof(images), latents.Length);
        fixed (byte* bytes = images)
        fixed (float* to = latents) Run(true, bytes, null, to, count);
    }

    /// <summary>The same in an array of its own.</summary>
    public float[] Encode(ReadOnlySpan<byte> images)
    {
        var latents = new float[images.Length / ImageNumbers * LatentNumbers];
        Encode(images, latents);
        return latents;
    }

    /// <summary>The same of images [n, H, W, 3] in [−1, 1].</summary>
    public void Encode(ReadOnlySpan<float> images, Span<float> latents)
    {
        int count = Count(images.Length, nameof(images), latents.Length);
        fixed (float* numbers = images, to = latents) Run(true, null, numbers, to, count);
    }

    /// <summary>Images of normalised latents.</summary>
    /// <param name="latents">[n, H/8, W/8, C].</param>
    /// <param name="images">u8 [n, H, W, 3].</param>
    /// <exception cref="ArgumentException">A length does not fit.</exception>
    public void Decode(ReadOnlySpan<float> latents, Span<byte> images)
    {
        int count = Count(images.Length, nameof(images), latents.Length);
        fixed (byte* bytes = images)
        fixed (float* from = latents) Run(false, bytes, null, from, count);
    }

    /// <summary>The same in an array of its own.</summary>
    public byte[] Decode(ReadOnlySpan<float> latents)
    {
        var images = new byte[latents.Length / LatentNumbers * ImageNumbers];
        Decode(latents, images);
        return images;
    }

    /// <summary>The same as numbers [n, H, W, 3], about −1 … 1, not limited.</summary>
    public void Decode(ReadOnlySpan<float> latents, Span<float> images)
    {
        int count = Count(images.Length, nameof(images), latents.Length);
        fixed (float* numbers = images, from = latents) Run(false, null, numbers, from, count);
    }

    /// <summary>Frees weights and working memory; no thread may be using them.</summary>
    public void Dispose()
    {
        foreach (var pass in _passes) pass.Dispose();
        _weights.Dispose();
    }

    private int Count(int images, string name, int latents)
    {
        int count = images / ImageNumbers;
        if (images % ImageNumbers != 0) throw new ArgumentException($"{name} must be whole images of {Height} × {Width} × 3 numbers, there are {images}.", name);
        if (latents != count * LatentNumbers)
            throw new ArgumentException($"latents must hold {count} × {Rows} × {Columns} × {LatentChannels} numbers for {count} images, it holds {latents}.", nameof(latents));
        return count;
    }

    private void Run(bool encodes, byte* bytes, float* numbers, float* latents, int count)
    {
        lock (_turn)
        {
            _job.Set(encodes, bytes, numbers, latents, count);
            _pool.Run(_job);
        }
    }

    private sealed class Job(Autoencoder owner) : IParallelJob
    {
        private bool _encodes;
        private int _count;
        private byte* _bytes;
        private float* _numbers, _latents;

        public void Set(bool encodes, byte* bytes, float* numbers, float* latents, int count)
        {
            _encodes = encodes;
            _bytes = bytes;
            _numbers = numbers;
            _latents = latents;
            _count = count;
        }

        /// <summary>Each thread makes as many images as the others; those that are left over they make together.</summary>
        public void Execute(int index, int count)
        {
            var team = new Team(index, count, owner._pool.Barrier);
            int each = _count / count;
            for (int i = each * index; i < each * (index + 1); i++) Run(owner._passes[index], i, team with { Part = 0, Parts = 1 });
            team.Wait();
            for (int i = each * count; i < _count; i++) Run(owner._passes[0], i, team);
        }

        private void Run(ImagePass pass, int i, Team team)
        {
            int numbers = owner.ImageNumbers;
            var latents = new Span<float>(_latents + (nint)i * owner.LatentNumbers, owner.LatentNumbers);
            if (_bytes is not null)
            {
                var image = new Span<byte>(_bytes + (nint)i * numbers, numbers);
                if (_encodes) pass.Encode(image, latents, team);
                else pass.Decode(latents, image, team);
                return;
            }

            var values = new Span<float>(_numbers + (nint)i * numbers, numbers);
            if (_encodes) pass.Encode(values, latents, team);
            else pass.Decode(latents, values, team);
        }
    }
}
