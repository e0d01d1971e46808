using Engine.Runtime.Contract;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Onnx;

/// <summary>
/// Writes a small vision-language-action policy of OpenVLA's form (arXiv 2406.09246) as one ONNX graph, from pixels to the robot's units:
/// normalisation, image trunk (convolutions, FiLM, spatial soft-max), text encoder, fusion, prefix tokens, then the H·A action tokens decoded one
/// after another, unrolled. Keys and values of the prefix are computed once and every token appends its own.
/// <para>
/// Inputs: <c>images.{camera}</c> u8 [B, H, W, 3]; <c>tokens</c> int64 [B, W]; <c>states</c> f32 [B, S] in the environment's units;
/// <c>uniforms</c> f32 [B, H·A] in (0, 1); <c>temperature</c> f32 scalar. Outputs: <c>tokens_out</c> int64 [B, H·A], the classes;
/// <c>logits</c> f32 [B, H·A, bins]; <c>actions</c> f32 [B, H, A]. A temperature of 0 takes the arg-max; otherwise token i is the number of classes whose
/// cumulative probability at that temperature lies below <c>uniforms</c>[i].
/// </para>
/// </summary>
public sealed partial class VlaPolicyGraph
{
    private readonly OnnxGraphBuilder _graph = new("policy");
    private readonly VlaWeights _weights;
    private readonly PolicyContract _contract;
    private readonly VlaGraphShape _shape;
    private readonly OnnxValue _uniforms;
    private readonly OnnxValue _sampling;
    private readonly OnnxValue _inverseTemperature;
    private readonly Dictionary<string, OnnxValue> _written = [];

    private VlaPolicyGraph(VlaWeights weights, PolicyContract contract, VlaGraphShape shape)
    {
        (_weights, _contract, _shape) = (weights, contract, shape);
        var camera = contract.Cameras[0];
        var images = _graph.Input("images." + camera.Name, OnnxElementType.UInt8, "batch", camera.Height, camera.Width, 3);
        var tokens = _graph.Input("tokens", OnnxElementType.Int64, "batch", contract.MaxWords);
        var states = _graph.Input("states", OnnxElementType.Float32, "batch", contract.StateNames.Length);
        _uniforms = _graph.Input("uniforms", OnnxElementType.Float32, "batch", weights.ActionTokens);
        var temperature = _graph.Input("temperature", OnnxElementType.Float32);
        _sampling = _graph.Greater(temperature, _graph.Scalar(0f));
        _inverseTemperature = _graph.Div(_graph.Scalar(1f), _graph.Where(_sampling, temperature, _graph.Scalar(1f)));

        var text = Text(tokens);
        var fused = Fuse(Trunk(images, text), text, Normalise(states));
        var (classes, logits) = Decode(fused);
        _graph.Output(classes, "tokens_out", OnnxElementType.Int64, "batch", weights.ActionTokens);
        _graph.Output(logits, "logits", OnnxElementType.Float32, "batch", weights.ActionTokens, weights.Bins);
        _graph.Output(Actions(classes), "actions", OnnxElementType.Float32, "batch", contract.ActionHorizon, contract.ActionNames.Length);
    }

    /// <summary>Builds the model's bytes.</summary>
    /// <param name="weights">The network's parameters under their names in training (<c>trunk.conv1.weight</c>, <c>layers.0.qkv.weight</c>, …); buffers may be among them.</param>
    /// <param name="contract">The policy's contract: camera, widths, statistics, bins.</param>
    /// <param name="shape">What the weights do not show.</param>
    /// <exception cref="InvalidDataException">A weight is missing or has another shape than the others and the contract ask for.</exception>
    public static byte[] Build(IReadOnlyDictionary<string, NamedArray> weights, PolicyContract contract, VlaGraphShape? shape = null)
    {
        shape ??= new VlaGraphShape();
        var graph = new VlaPolicyGraph(new VlaWeights(weights, contract, shape), contract, shape);
        graph._graph.Metadata("engine.policy", contract.Name);
        return graph._graph.ToBytes();
    }

    private OnnxValue Text(OnnxValue tokens)
    {
        var mask = _graph.Unsqueeze(_graph.Cast(_graph.Greater(tokens, _graph.Scalar(0L)), OnnxElementType.Float32), 2);
        var x = _graph.Add(_graph.Gather(Weight("text.words.weight"), tokens), Weight("text.positions.weight"));
        x = _graph.Mul(_graph.Silu(Rows("text.mix", x)), mask);
        return _graph.Div(_graph.ReduceSum(x, false, 1), _graph.Max(_graph.ReduceSum(mask, false, 1), _graph.Scalar(1f)));
    }

    private OnnxValue Normalise(OnnxValue states)
    {
        var s = _contract.StateStatistics;
        int width = s.Width;
        bool[] active = new bool[width], constant = new bool[width];
        float[] low = new float[width], range = new float[width];
        for (int i = 0; i < width; i++)
        {
            active[i] = s.Mask[i] && s.Q99[i] > s.Q01[i];
            constant[i] = s.Mask[i] && !active[i];
            (low[i], range[i]) = active[i] ? (s.Q01[i], s.Q99[i] - s.Q01[i] + 1e-8f) : (0, 1);
        }

        if (width == 0) return states;
        var scaled = _graph.Div(_graph.Mul(_graph.Sub(states, _graph.Weight<float>("state.low", low, width)), 2), _graph.Weight<float>("state.range", range, width));
        var clipped = _graph.Clip(_graph.Sub(scaled, 1), -1, 1);
        var rest = _graph.Where(_graph.Weight<bool>("state.constant", constant, width), _graph.Scalar(0f), states);
        return _graph.Where(_graph.Weight<bool>("state.active", active, width), clipped, rest);
    }

    private OnnxValue Trunk(OnnxValue images, OnnxValue text)
    {
        var camera = _contract.Cameras[0];
        var x = _graph.Transpose(_graph.Cast(images, OnnxElementType.Float32), 0, 3, 1, 2);
        x = _graph.Sub(_graph.Mul(x, 1 / 127.5f), 1);
        x = _graph.Silu(_graph.Conv(x, Weight("trunk.conv1.weight"), Weight("trunk.conv1.bias"), stride: 2, pad: 1));

        // The second convolution also sees two channels of coordinates, which are the same for every image: their part is a constant map.
        var (kernel, map) = _weights.CoordinateConvolution(camera.Height / 2, camera.Width / 2);
        int channels = _weights.Channels;
        x = _graph.Conv(x, _graph.Weight<float>("trunk.conv2.image", kernel, channels, _weights.FirstChannels, 4, 4), Weight("trunk.conv2.bias"), stride: 2, pad: 1);
        x = _graph.Add(x, _graph.Weight<float>("trunk.conv2.coordinates", map, 1, channels, camera.Height / 4, camera.Width / 4));
        x = _graph.GroupNorm(x, Weight("trunk.norm.weight"), Weight("trunk.norm.bias"), _shape.NormalisationGroups);
        x = _graph.Silu(Modulate(x, "trunk.film1", text));
        x = _graph.Add(x, _graph.Conv(x, Weight("trunk.conv3.weight"), Weight("trunk.conv3.bias"), pad: 1));
        x = _graph.Silu(Modulate(x, "trunk.film2", text));
        x = _graph.Silu(_graph.Add(x, _graph.Conv(x, Weight("trunk.conv4.weight"), Weight("trunk.conv4.bias"), pad: 1)));
        var maps = _graph.Reshape(_graph.Conv(x, Weight("trunk.maps.weight"), Weight("trunk.maps.bias")), 0, _weights.Keypoints, -1);
        var weights = _graph.Softmax(maps, 2);
        float[] grid = VlaWeights.Grid(camera.Height / 4, camera.Width / 4);
        var positions = _graph.MatMul(weights, _graph.Weight<float>("trunk.positions", grid, grid.Length / 2, 2));
        return _graph.Concat(1, _graph.Reshape(positions, 0, 2 * _weights.Keypoints), _graph.ReduceSum(_graph.Mul(weights, maps), false, 2));
    }

    private OnnxValue Modulate(OnnxValue x, string film, OnnxValue text)
    {
        var parts = _graph.Split(_graph.Reshape(Linear(film, text), 0, 2 * _weights.Channels, 1, 1), 1, _weights.Channels, _weights.Channels);
        return _graph.Add(_graph.Mul(x, _graph.Add(parts[0], 1)), parts[1]);
    }

    private OnnxValue Fuse(OnnxValue trunk, OnnxValue text, OnnxValue states)
    {
        var features = _contract.StateNames.Length > 0 ? _graph.Concat(1, trunk, text, states) : _graph.Concat(1, trunk, text);
        return _graph.Silu(Linear("fuse2", _graph.Silu(Linear("fuse1", features))));
    }

    private OnnxValue Actions(OnnxValue classes)
    {
        var s = _contract.ActionStatistics;
        int width = s.Width, horizon = _contract.ActionHorizon, count = _weights.ActionTokens;
        float[] scale = new float[count], low = new float[count];
        bool[] masked = new bool[count];
        for (int i = 0; i < count; i++) (scale[i], low[i], masked[i]) = (s.Q99[i % width] - s.Q01[i % width], s.Q01[i % width], s.Mask[i % width]);
        double step = 2.0 / (_weights.Bins - 1);
        var values = _graph.Add(
            _graph.Mul(_graph.Cast(_graph.Min(classes, _graph.Scalar((long)_weights.Bins - 2)), OnnxElementType.Float32), (float)step), (float)(-1 + step / 2));
        var scaled = _graph.Add(
            _graph.Mul(_graph.Mul(_graph.Add(values, 1), 0.5f), _graph.Weight<float>("action.range", scale, count)),
            _graph.Weight<float>("action.low", low, count));
        return _graph.Reshape(_graph.Where(_graph.Weight<bool>("action.mask", masked, count), scaled, values), 0, horizon, width);
    }

    /// <summary>x·Wᵀ + b for a matrix x.</summary>
    private OnnxValue Linear(string layer, OnnxValue x) =>
        _graph.Gemm(x, Weight(layer + ".weight"), _weights.Has(layer + ".bias") ? Weight(layer + ".bias") : null, transposeB: true);

    /// <summary>x·Wᵀ + b over the last axis of x of any rank.</summary>
    private OnnxValue Rows(string layer, OnnxValue x)
    {
        string name = layer + ".transposed";
        if (!_written.TryGetValue(name, out var transposed))
        {
            var (values, rows, columns) = _weights.Transposed(layer + ".weight");
            _written[name] = transposed = _graph.Weight<float>(name, values, rows, columns);
        }

        var product = _graph.MatMul(x, transposed);
        return _weights.Has(layer + ".bias") ? _graph.Add(product, Weight(layer + ".bias")) : product;
    }

    private OnnxValue Weight(string name)
    {
        if (!_written.TryGetValue(name, out var value))
            _written[name] = value = _graph.Weight<float>(name, _weights.Values(name), _weights.Shape(name));
        return value;
    }
}
