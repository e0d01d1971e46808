using Engine.Runtime.Onnx;
using Engine.Runtime.Weights;

namespace Engine.Host.Benchmarks;

/// <summary>The autoencoder as ONNX models, channels first, as an exporter would write them: what ONNX Runtime is timed with.</summary>
internal sealed class AutoencoderGraph
{
    private const string Batch = "n";

    private readonly OnnxGraphBuilder _graph;
    private readonly IReadOnlyDictionary<string, NamedArray> _weights;

    private AutoencoderGraph(string name, IReadOnlyDictionary<string, NamedArray> weights) => (_graph, _weights) = (new OnnxGraphBuilder(name), weights);

    /// <summary>images [n, 3, H, W] → latents [n, C, H/8, W/8].</summary>
    public static byte[] Encoder(IReadOnlyDictionary<string, NamedArray> weights, int channels, int height, int width)
    {
        var it = new AutoencoderGraph("encoder", weights);
        var g = it._graph;
        var x = g.Silu(it.Convolution(g.Input("images", OnnxElementType.Float32, Batch, 3, height, width), "encoder.0", 2, 1));
        x = g.Silu(it.Residual(it.Convolution(x, "encoder.1", 2, 1), "encoder.2"));
        x = g.Silu(it.Residual(it.Convolution(x, "encoder.3", 2, 1), "encoder.4"));
        var mean = g.Slice(it.Convolution(x, "encoder.5", 1, 0), 1, 0, channels);
        g.Output(g.Div(g.Sub(mean, it.Weight("latent_mean")), it.Weight("latent_std")), "latents", OnnxElementType.Float32, Batch, channels, height / 8, width / 8);
        return g.ToBytes();
    }

    /// <summary>latents [n, C, H/8, W/8] → images [n, 3, H, W].</summary>
    public static byte[] Decoder(IReadOnlyDictionary<string, NamedArray> weights, int channels, int height, int width)
    {
        var it = new AutoencoderGraph("decoder", weights);
        var g = it._graph;
        var x = g.Input("latents", OnnxElementType.Float32, Batch, channels, height / 8, width / 8);
        x = g.Add(g.Mul(x, it.Weight("latent_std")), it.Weight("latent_mean"));
        x = it.Shuffle(it.Convolution(it.Residual(it.Convolution(x, "decoder.0", 1, 1), "decoder.1"), "decoder.2", 1, 0));
        x = g.Silu(it.Shuffle(it.Convolution(it.Residual(it.Convolution(x, "decoder.3", 1, 1), "decoder.4"), "decoder.5", 1, 0)));
        x = it.Shuffle(it.Convolution(g.Silu(it.Convolution(x, "decoder.6", 1, 1)), "decoder.7", 1, 1));
        g.Output(x, "images", OnnxElementType.Float32, Batch, 3, height, width);
        return g.ToBytes();
    }

    private OnnxValue Weight(string name) => _graph.Weight<float>(name, _weights[name].ToFloat32(), _weights[name].Shape);

    private OnnxValue Convolution(OnnxValue x, string name, int stride, int padding) => _graph.Conv(x, Weight(name + ".weight"), Weight(name + ".bias"), stride, padding);

    private OnnxValue Residual(OnnxValue x, string name)
    {
        var normal = _graph.GroupNorm(x, Weight(name + ".norm.weight"), Weight(name + ".norm.bias"), 8);
        return _graph.Add(x, Convolution(_graph.Silu(Convolution(_graph.Silu(normal), name + ".spatial", 1, 1)), name + ".mix", 1, 0));
    }

    private OnnxValue Shuffle(OnnxValue x) => _graph.Node("DepthToSpace", [x], ("blocksize", 2L), ("mode", "CRD"));
}
