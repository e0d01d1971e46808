using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Patchify;

/// <summary>Shape of a frame of latents and its patches: what the kernels between latents and tokens are specialised to.</summary>
public sealed record PatchGeometry
{
    /// <param name="height">Rows; a multiple of <paramref name="patch"/>.</param>
    /// <param name="width">Columns; a multiple of <paramref name="patch"/>.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="patch">Side of a patch.</param>
    /// <exception cref="ArgumentException">The frame is no whole number of patches.</exception>
    public PatchGeometry(int height, int width, int channels, int patch)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(patch);
        if (height <= 0 || width <= 0 || height % patch != 0 || width % patch != 0)
            throw new ArgumentException($"The frame must be a whole number of {patch} × {patch} patches, it is {height} × {width}.", nameof(height));
        Height = height;
        Width = width;
        Channels = channels;
        Patch = patch;
    }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Channels.</summary>
    public int Channels { get; }

    /// <summary>Side of a patch.</summary>
    public int Patch { get; }

    /// <summary>Tokens in a frame.</summary>
    public int Tokens => Height / Patch * (Width / Patch);

    /// <summary>Numbers in a token.</summary>
    public int TokenNumbers => Patch * Patch * Channels;

    /// <summary>Numbers in a frame.</summary>
    public int FrameNumbers => Height * Width * Channels;

    /// <summary>Numbers that move in one access: strides of tokens are multiples of it.</summary>
    public int Vector => Patch * Channels % 4 == 0 ? 4 : 1;

    internal const int DeviceThreads = 256;

    internal IReadOnlyList<CudaDefine> Defines => [new("ENG_HEIGHT", Height), new("ENG_WIDTH", Width), new("ENG_CHANNELS", Channels), new("ENG_PATCH", Patch)];

    internal static PatchGeometry Of(CudaModelShape shape) => new(shape.LatentHeight, shape.LatentWidth, shape.Channels, shape.Patch);

    internal CudaGrid Grid(int frames) => CudaGrid.Cover((long)frames * FrameNumbers / Vector, DeviceThreads);

    /// <summary>Checks a matrix of tokens on a device.</summary>
    internal void CheckTokens<T>(DeviceSpan<T> tokens, int stride, int frames, string name)
        where T : unmanaged
    {
        string strideName = $"distance between rows of {name}";
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, TokenNumbers, strideName);
        DeviceElement.RequireMultiple(stride, Vector, strideName);
        if (frames > 0) tokens.Require(((long)frames * Tokens - 1) * stride + TokenNumbers, name, $"{frames} × {Tokens} rows of {TokenNumbers}, {stride} apart");
        if (Vector == 4) DeviceElement.RequireAligned(tokens, name, typeof(T) == typeof(float) ? 16 : 8);
    }

    /// <summary>Checks frames of latents on a device.</summary>
    internal void CheckLatents(DeviceSpan<float> latents, DeviceSpan<int> indices, int frames)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(frames);
        if (indices.Length == 0) latents.Require((long)frames * FrameNumbers, nameof(latents), $"{frames} frames of {FrameNumbers}");
        else indices.Require(frames, nameof(indices), "one a frame, or none");
        if (Vector == 4) DeviceElement.RequireAligned(latents, nameof(latents));
    }
}
