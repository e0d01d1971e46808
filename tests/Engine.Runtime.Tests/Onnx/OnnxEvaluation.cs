using Engine.Runtime.Interop;
using Engine.Runtime.Onnx;

namespace Engine.Runtime.Tests.Onnx;

/// <summary>Builds a graph of float inputs, runs it and gives its one output; skips where ONNX Runtime is absent.</summary>
internal static class OnnxEvaluation
{
    internal static void Require()
    {
        if (OnnxRuntimeLibrary.TryFind() is null) Assert.Skip($"{OnnxRuntimeLibrary.FileName} is not here (native/onnxruntime/fetch.sh fetches it)");
    }

    internal static (long[] Shape, T[] Values) Evaluate<T>(
        int rank, Func<OnnxGraphBuilder, OnnxValue[], OnnxValue> build, params (float[] Values, long[] Shape)[] inputs)
        where T : unmanaged
    {
        Require();
        var graph = new OnnxGraphBuilder("test");
        var values = new OnnxValue[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
            values[i] = graph.Input($"x{i}", OnnxElementType.Float32, Array.ConvertAll(inputs[i].Shape, d => (OnnxDimension)d));
        var type = typeof(T) == typeof(long) ? OnnxElementType.Int64 : typeof(T) == typeof(bool) ? OnnxElementType.Bool : OnnxElementType.Float32;
        graph.Output(build(graph, values), "y", type, Enumerable.Range(0, rank).Select(d => (OnnxDimension)$"d{d}").ToArray());

        using var session = OnnxSession.FromBytes(graph.ToBytes(), new OnnxSessionOptions { Threads = 1 });
        var tensors = Array.ConvertAll(inputs, x => OnnxTensor.From<float>(x.Values, x.Shape));
        using var output = session.Run(tensors)[0];
        foreach (var tensor in tensors) tensor.Dispose();
        return (output.Shape.ToArray(), output.Span<T>().ToArray());
    }

    /// <summary>Reproducible numbers in (−2, 2).</summary>
    internal static (float[] Values, long[] Shape) Numbers(uint seed, params long[] shape)
    {
        float[] values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        Kernels.Ops.Philox.Philox.FillUniform(values, new Kernels.Ops.Philox.PhiloxKey(seed, 0));
        for (int i = 0; i < values.Length; i++) values[i] = 4 * values[i] - 2;
        return (values, shape);
    }

    internal static void Close(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, float tolerance = 1e-5f)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(MathF.Abs(expected[i] - actual[i]) <= tolerance * (1 + MathF.Abs(expected[i]))))
                Assert.Fail($"element {i}: expected {expected[i]}, got {actual[i]}");
        }
    }
}
