using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Models;

/// <summary>
/// Image and instruction to a feature vector: two strided convolutions, two convolutions modulated by the instruction
/// (FiLM, Perez et al., arXiv 1709.07871), then a spatial soft-max (Levine et al., arXiv 1504.00702) that gives, for each of K maps,
/// the expected position and the expected activation. Sees [B, 3, 64, 64] images in [−1, 1]; gives [B, 3K].
/// </summary>
public sealed class ImageTrunk : Module
{
    private readonly Conv2d _first, _second, _third, _fourth, _maps;
    private readonly GroupNorm _norm;
    private readonly Linear _film1, _film2;
    private readonly Tensor _coordinates, _grid;

    /// <param name="initialiser">Source of the initial weights.</param>
    /// <param name="textWidth">Width of the instruction vector.</param>
    /// <param name="imageSize">Side of the square image; a multiple of 4.</param>
    /// <param name="channels">Channels of the inner convolutions.</param>
    /// <param name="keypoints">Maps K.</param>
    public ImageTrunk(WeightInitialiser initialiser, int textWidth, int imageSize = 64, int channels = 64, int keypoints = 32)
    {
        if (imageSize < 8 || imageSize % 4 != 0)
            throw new ArgumentException($"imageSize is {imageSize}; expected a multiple of 4, 8 or more.", nameof(imageSize));
        Keypoints = keypoints;
        Width = 3 * keypoints;
        _first = Child("conv1", new Conv2d(initialiser, 3, 32, 4, 2, 1));
        _second = Child("conv2", new Conv2d(initialiser, 34, channels, 4, 2, 1));
        _norm = Child("norm", new GroupNorm(8, channels));
        _third = Child("conv3", new Conv2d(initialiser, channels, channels, 3, 1, 1));
        _fourth = Child("conv4", new Conv2d(initialiser, channels, channels, 3, 1, 1));
        _maps = Child("maps", new Conv2d(initialiser, channels, keypoints, 1));
        _film1 = Child("film1", new Linear(initialiser, textWidth, 2 * channels));
        _film2 = Child("film2", new Linear(initialiser, textWidth, 2 * channels));
        _coordinates = Buffer("coordinates", Coordinates(imageSize / 2, imageSize / 2));
        using var scope = new TensorScope();
        _grid = Buffer("grid", scope.Keep(Coordinates(imageSize / 4, imageSize / 4).Flatten(2).Reshape(2, -1).Transpose(0, 1).Contiguous()));
    }

    /// <summary>Number of maps K.</summary>
    public int Keypoints { get; }

    /// <summary>Width of the result, 3K: row and column positions in [−1, 1] (interleaved by map), then activations.</summary>
    public int Width { get; }

    /// <summary>Images [B, 3, H, W] (channels last in memory) and instruction vectors [B, E] → features [B, 3K].</summary>
    public Tensor Forward(Tensor images, Tensor text)
    {
        long batch = images.Size(0);
        var x = _first.Forward(images).Silu();
        x = Tensor.Cat(1, x, _coordinates.Expand(batch, -1, -1, -1)).ChannelsLast();
        x = Modulate(_norm.Forward(_second.Forward(x)), _film1.Forward(text)).Silu();
        x = Modulate(x + _third.Forward(x), _film2.Forward(text)).Silu();
        x = (x + _fourth.Forward(x)).Silu();
        var maps = _maps.Forward(x).Contiguous().Flatten(2);
        var weights = maps.Softmax(2);
        var positions = weights.MatMul(_grid).Flatten(1);
        return Tensor.Cat(1, positions, (weights * maps).Sum(2));
    }

    private static Tensor Modulate(Tensor x, Tensor film)
    {
        var parts = film.Unsqueeze(2).Unsqueeze(3).Chunk(2, 1);
        return x * (parts[0] + 1) + parts[1];
    }

    /// <summary>[1, 2, rows, columns]: row and column positions in [−1, 1].</summary>
    private static Tensor Coordinates(int rows, int columns)
    {
        var values = new float[2 * rows * columns];
        for (int r = 0; r < rows; r++)
        {
            for (int c = 0; c < columns; c++)
            {
                values[r * columns + c] = -1f + 2f * r / (rows - 1);
                values[(rows + r) * columns + c] = -1f + 2f * c / (columns - 1);
            }
        }

        return Tensor.FromSpan(values, 1, 2, rows, columns);
    }
}
