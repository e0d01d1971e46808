using Engine.Host.Serving;
using Engine.Runtime.Contract;
using Engine.Runtime.Onnx;
using Engine.Runtime.Policies;
using Engine.Runtime.Weights;

namespace Engine.Host.Tests.Serving;

/// <summary>A policy folder for real processes: an action is the first seven numbers of the state, after some billions of multiplications.</summary>
internal static class SlowGraph
{
    private const int Side = 1024, Products = 12, Width = 7, Bins = 256;

    internal static readonly PolicyContract Contract = BuiltInPolicies.DefaultContract with
    {
        Name = "slow",
        Cameras = [new CameraSpec("front", 8, 8)],
        ActionHorizon = 1,
        ReplanEvery = 1,
        ActionBins = Bins,
    };

    internal static void Write(string folder)
    {
        var graph = new OnnxGraphBuilder("slow");
        graph.Input("images.front", OnnxElementType.UInt8, "batch", 8, 8, 3);
        graph.Input("tokens", OnnxElementType.Int64, "batch", Contract.MaxWords);
        var states = graph.Input("states", OnnxElementType.Float32, "batch", Contract.StateNames.Length);
        graph.Input("uniforms", OnnxElementType.Float32, "batch", Width);
        graph.Input("temperature", OnnxElementType.Float32);

        // Nothing of it can be known before there is a state, and it comes to zero.
        var column = graph.Weight<float>("column", new float[Side], Side, 1);
        var row = graph.Weight<float>("row", new float[Side], 1, Side);
        var product = graph.MatMul(graph.Mul(column, graph.ReduceMean(states, keepDims: true, 0, 1)), row);
        for (int i = 0; i < Products; i++) product = graph.MatMul(product, product);
        var numbers = graph.Add(graph.Slice(states, 1, 0, Width), graph.ReduceSum(product, keepDims: true, 0, 1));
        float[] ones = new float[Bins];
        Array.Fill(ones, 1);
        graph.Output(graph.Cast(numbers, OnnxElementType.Int64), "tokens_out", OnnxElementType.Int64, "batch", Width);
        graph.Output(graph.Mul(graph.Unsqueeze(numbers, 2), graph.Weight<float>("ones", ones, 1, 1, Bins)), "logits", OnnxElementType.Float32, "batch", Width, Bins);
        graph.Output(graph.Reshape(numbers, -1, 1, Width), "actions", OnnxElementType.Float32, "batch", 1, Width);
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, PolicyDirectory.ModelFileName), graph.ToBytes());
        ContractFile.Write(Path.Combine(folder, ContractFile.FileName), Contract);
    }
}
