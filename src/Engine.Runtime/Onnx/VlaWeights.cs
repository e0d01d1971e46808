using Engine.Runtime.Contract;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Onnx;

/// <summary>The parameters of a vision-language-action policy, checked against each other and the contract, and what can be worked out from them beforehand.</summary>
internal sealed class VlaWeights
{
    private readonly Dictionary<string, (float[] Values, long[] Shape)> _arrays = [];

    internal VlaWeights(IReadOnlyDictionary<string, NamedArray> weights, PolicyContract contract, VlaGraphShape shape)
    {
        foreach (var (name, array) in weights) _arrays[name] = (array.ToFloat32(), array.Shape);
        if (contract.Cameras.Length != 1)
            throw new InvalidDataException($"the network sees one camera; the contract names {contract.Cameras.Length}: {string.Join(", ", contract.Cameras.Select(c => c.Name))}");
        var camera = contract.Cameras[0];
        if (camera.Height % 4 != 0 || camera.Width % 4 != 0 || camera.Height < 8 || camera.Width < 8)
            throw new InvalidDataException($"camera '{camera.Name}' is {camera.Height}×{camera.Width}; the network takes multiples of 4, 8 or more");

        Keypoints = Size("trunk.maps.weight", 0);
        Channels = Size("trunk.conv2.weight", 0);
        FirstChannels = Size("trunk.conv1.weight", 0);
        (Bins, Dim) = (Size("head.weight", 0), Size("head.weight", 1));
        PrefixTokens = Size("prefix_positions", 0);
        ActionTokens = Size("action_positions", 0);
        while (_arrays.ContainsKey($"layers.{Layers}.qkv.weight")) Layers++;
        int text = Size("text.words.weight", 1), hidden = Size("fuse1.weight", 0), values = Size("value.weight", 1);
        if (Layers == 0) throw new InvalidDataException("the weights have no 'layers.0.qkv.weight'");
        if (shape.Heads < 1 || Dim % shape.Heads != 0) throw new InvalidDataException($"{shape.Heads} heads do not divide the decoder's width {Dim}");
        if (shape.NormalisationGroups < 1 || Channels % shape.NormalisationGroups != 0)
            throw new InvalidDataException($"{shape.NormalisationGroups} groups do not divide {Channels} channels");
        if (Bins != contract.ActionBins) throw new InvalidDataException($"the network has {Bins} bins, the contract {contract.ActionBins}");
        if (values % 2 == 0) throw new InvalidDataException($"'value.weight' takes {values} features; expected one and pairs of sine and cosine");
        ValueFrequencies = (values - 1) / 2;

        int words = contract.Vocabulary.Length + 2, actions = contract.ActionHorizon * contract.ActionNames.Length, states = contract.StateNames.Length;
        Layer("text.words", [words, text], bias: false);
        Layer("text.positions", [contract.MaxWords, text], bias: false);
        Layer("text.mix", [text, text]);
        Layer("trunk.conv1", [FirstChannels, 3, 4, 4]);
        Layer("trunk.conv2", [Channels, FirstChannels + 2, 4, 4]);
        Layer("trunk.norm", [Channels]);
        Layer("trunk.conv3", [Channels, Channels, 3, 3]);
        Layer("trunk.conv4", [Channels, Channels, 3, 3]);
        Layer("trunk.maps", [Keypoints, Channels, 1, 1]);
        Layer("trunk.film1", [2 * Channels, text]);
        Layer("trunk.film2", [2 * Channels, text]);
        Layer("fuse1", [hidden, 3 * Keypoints + text + states]);
        Layer("fuse2", [hidden, hidden]);
        Layer("prefix", [PrefixTokens * Dim, hidden]);
        Layer("context", [Dim, hidden]);
        Layer("value", [Dim, values]);
        Layer("norm", [Dim]);
        Layer("head", [Bins, Dim]);
        Check("prefix_positions", [PrefixTokens, Dim]);
        Check("action_positions", [actions, Dim]);
        for (int i = 0; i < Layers; i++)
        {
            Layer($"layers.{i}.norm1", [Dim]);
            Layer($"layers.{i}.qkv", [3 * Dim, Dim], bias: false);
            Layer($"layers.{i}.out", [Dim, Dim]);
            Layer($"layers.{i}.norm2", [Dim]);
            Layer($"layers.{i}.up", [4 * Dim, Dim]);
            Layer($"layers.{i}.down", [Dim, 4 * Dim]);
        }
    }

    internal int Keypoints { get; }

    internal int Channels { get; }

    internal int FirstChannels { get; }

    internal int Bins { get; }

    internal int Dim { get; }

    internal int Layers { get; }

    internal int PrefixTokens { get; }

    internal int ActionTokens { get; }

    internal int ValueFrequencies { get; }

    internal bool Has(string name) => _arrays.ContainsKey(name);

    internal float[] Values(string name) => Find(name).Values;

    internal long[] Shape(string name) => Find(name).Shape;

    /// <summary>A matrix with rows and columns exchanged.</summary>
    internal (float[] Values, int Rows, int Columns) Transposed(string name)
    {
        var (values, shape) = Find(name);
        int rows = (int)shape[0], columns = (int)shape[1];
        return (Transpose(values, rows, columns), columns, rows);
    }

    internal static float[] Transpose(float[] matrix, int rows, int columns)
    {
        float[] result = new float[matrix.Length];
        for (int i = 0; i < matrix.Length; i++) result[i % columns * rows + i / columns] = matrix[i];
        return result;
    }

    /// <summary>Row and column positions in [−1, 1] of every cell, [rows·columns, 2].</summary>
    internal static float[] Grid(int rows, int columns)
    {
        float[] grid = new float[rows * columns * 2];
        for (int i = 0; i < rows * columns; i++)
        {
            grid[2 * i] = -1f + 2f * (i / columns) / (rows - 1);
            grid[2 * i + 1] = -1f + 2f * (i % columns) / (columns - 1);
        }

        return grid;
    }

    /// <summary>
    /// The second convolution (4×4, stride 2, padding 1) taken apart: the kernel of the image channels [O, I, 4, 4], and what the two
    /// coordinate channels of a rows × columns input add to every output, [O, rows/2, columns/2].
    /// </summary>
    internal (float[] Kernel, float[] Map) CoordinateConvolution(int rows, int columns)
    {
        float[] whole = Values("trunk.conv2.weight"), grid = Grid(rows, columns);
        float[] kernel = new float[Channels * FirstChannels * 16], map = new float[Channels * (rows / 2) * (columns / 2)];
        for (int o = 0; o < Channels; o++)
            whole.AsSpan(o * (FirstChannels + 2) * 16, FirstChannels * 16).CopyTo(kernel.AsSpan(o * FirstChannels * 16));
        for (int i = 0; i < map.Length; i++)
        {
            int column = i % (columns / 2), row = i / (columns / 2) % (rows / 2), o = i / (rows / 2) / (columns / 2);
            double sum = 0;
            for (int k = 0; k < 32; k++)
            {
                int axis = k / 16, y = 2 * row + k / 4 % 4 - 1, x = 2 * column + k % 4 - 1;
                if (y < 0 || y >= rows || x < 0 || x >= columns) continue;
                sum += (double)grid[2 * (y * columns + x) + axis] * whole[(o * (FirstChannels + 2) + FirstChannels + axis) * 16 + k % 16];
            }

            map[i] = (float)sum;
        }

        return (kernel, map);
    }

    /// <summary>The embedding [bins, D] of every class' value: value(v) = W·[v, sin π2⁰v, cos π2⁰v, …] + b, v the centre of bin min(class, bins − 2).</summary>
    internal float[] ValueTable()
    {
        float[] weight = Values("value.weight"), bias = Values("value.bias"), table = new float[Bins * Dim];
        double[] features = new double[1 + 2 * ValueFrequencies];
        for (int c = 0; c < Bins; c++)
        {
            features[0] = -1 + (Math.Min(c, Bins - 2) + 0.5) * 2 / (Bins - 1);
            for (int k = 0; k < ValueFrequencies; k++)
                (features[1 + 2 * k], features[2 + 2 * k]) = Math.SinCos(features[0] * Math.PI * (1 << k));
            for (int d = 0; d < Dim; d++)
            {
                double sum = bias[d];
                for (int f = 0; f < features.Length; f++) sum += features[f] * weight[d * features.Length + f];
                table[c * Dim + d] = (float)sum;
            }
        }

        return table;
    }

    private (float[] Values, long[] Shape) Find(string name) =>
        _arrays.TryGetValue(name, out var array) ? array : throw new InvalidDataException($"the weights have no '{name}'; they are not those of this network");

    private int Size(string name, int axis)
    {
        long[] shape = Shape(name);
        return axis < shape.Length ? (int)shape[axis] : throw new InvalidDataException($"'{name}' has shape [{string.Join(", ", shape)}]; expected {axis + 1} dimensions or more");
    }

    private void Layer(string name, long[] shape, bool bias = true)
    {
        Check(name + ".weight", shape);
        if (bias) Check(name + ".bias", [shape[0]]);
    }

    private void Check(string name, long[] shape)
    {
        if (!Shape(name).SequenceEqual(shape))
            throw new InvalidDataException($"'{name}' has shape [{string.Join(", ", Shape(name))}]; the other weights and the contract ask for [{string.Join(", ", shape)}]");
    }
}
