using Engine.Runtime.Interop;
using Engine.Runtime.Onnx;

namespace Engine.Runtime.Tests.Onnx;

public sealed class OnnxSessionTests
{
    [Fact]
    public void Describes_and_runs_a_graph_into_our_own_memory()
    {
        using var session = OnnxSession.FromBytes(Model(), new OnnxSessionOptions { Threads = 1 });
        Assert.Equal(["x: Float32[batch, 3]", "images: UInt8[batch, 2]"], session.Inputs.Select(i => i.ToString()));
        Assert.Equal(["y: Float32[batch, 2]"], session.Outputs.Select(o => o.ToString()));

        foreach (int batch in new[] { 1, 5 })
        {
            using var x = OnnxTensor.Zeros(OnnxElementType.Float32, batch, 3);
            using var images = OnnxTensor.Zeros(OnnxElementType.UInt8, batch, 2);
            using var y = OnnxTensor.Zeros(OnnxElementType.Float32, batch, 2);
            for (int i = 0; i < x.Count; i++) x.Span<float>()[i] = i;
            for (int i = 0; i < images.Count; i++) images.Span<byte>()[i] = (byte)(200 + i);
            session.Run([x, images], [y]);
            for (int b = 0; b < batch; b++)
            {
                float x0 = 3 * b, x1 = 3 * b + 1, x2 = 3 * b + 2;
                Assert.Equal(x0 + 2 * x1 + 3 * x2 + 200 + 2 * b, y.Span<float>()[2 * b]);
                Assert.Equal(4 * x0 + 5 * x1 + 6 * x2 + 201 + 2 * b, y.Span<float>()[2 * b + 1]);
            }
        }
    }

    [Fact]
    public void A_library_without_a_GPU_says_so_and_goes_on()
    {
        OnnxEvaluation.Require();
        var error = Assert.Throws<NotSupportedException>(() => OnnxSession.FromBytes(Model(), new OnnxSessionOptions { CudaDevice = 0 }));
        Assert.Contains("cannot use GPU 0", error.Message, StringComparison.Ordinal);
        Assert.Contains("ENGINE_ONNXRUNTIME", error.Message, StringComparison.Ordinal);
        OnnxSession.FromBytes(Model()).Dispose();
    }

    [Fact]
    public void A_tensor_of_a_GPU_is_described_and_not_read()
    {
        OnnxEvaluation.Require();
        using var tensor = OnnxTensor.OnDevice(OnnxElementType.Float32, 0x7f0000000000, 24, 0, 2, 3);
        Assert.Equal(6, tensor.Count);
        Assert.Throws<InvalidOperationException>(() => tensor.Span<float>());
        var error = Assert.Throws<ArgumentException>(() => OnnxTensor.OnDevice(OnnxElementType.Float32, 0x7f0000000000, 24, 0, 7));
        Assert.Contains("needs 28 bytes, there are 24", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Loads_from_a_file()
    {
        OnnxEvaluation.Require();
        string path = Path.Combine(Path.GetTempPath(), $"engine-{Guid.NewGuid():n}.onnx");
        File.WriteAllBytes(path, Model());
        try
        {
            using var session = OnnxSession.FromFile(path);
            Assert.Equal(2, session.Inputs.Count);
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Contains(path, Assert.Throws<FileNotFoundException>(() => OnnxSession.FromFile(path)).Message);
    }

    [Fact]
    public void Errors_carry_the_message_of_the_runtime()
    {
        using var session = OnnxSession.FromBytes(Model());
        using var x = OnnxTensor.Zeros(OnnxElementType.Float32, 1, 4);
        using var images = OnnxTensor.Zeros(OnnxElementType.UInt8, 1, 2);
        var wrong = Assert.Throws<OnnxRuntimeException>(() => session.Run(x, images));
        Assert.Contains("x", wrong.Message);
        Assert.Contains("Got: 4 Expected: 3", wrong.Message);
        Assert.Throws<OnnxRuntimeException>(() => OnnxSession.FromBytes("this is no model at all"u8));
        Assert.Contains("2 inputs", Assert.Throws<ArgumentException>(() => session.Run(x)).Message);

        // And the session still works.
        using var good = OnnxTensor.Zeros(OnnxElementType.Float32, 1, 3);
        using var y = session.Run(good, images)[0];
        Assert.Equal([1, 2], y.Shape.ToArray());
    }

    [Fact]
    public void A_disposed_tensor_or_session_is_refused()
    {
        var session = OnnxSession.FromBytes(Model());
        var x = OnnxTensor.Zeros(OnnxElementType.Float32, 1, 3);
        using var images = OnnxTensor.Zeros(OnnxElementType.UInt8, 1, 2);
        x.Dispose();
        Assert.Throws<ObjectDisposedException>(() => session.Run(x, images));
        Assert.Throws<ObjectDisposedException>(() => x.Span<float>()[0]);
        session.Dispose();
        using var good = OnnxTensor.Zeros(OnnxElementType.Float32, 1, 3);
        Assert.Throws<ObjectDisposedException>(() => session.Run(good, images));
    }

    [Fact]
    public void Tensors_check_their_shape_and_type()
    {
        OnnxEvaluation.Require();
        Assert.Throws<ArgumentOutOfRangeException>(() => OnnxTensor.Zeros(OnnxElementType.Float32, -1));
        Assert.Throws<ArgumentException>(() => OnnxTensor.Zeros(OnnxElementType.UInt8, 1 << 20, 1 << 20));
        Assert.Throws<ArgumentException>(() => OnnxTensor.From<float>(new float[3], 4));
        Assert.Throws<ArgumentException>(() => OnnxTensor.From<char>(new char[3], 3));
        using var floats = OnnxTensor.From<float>([1, 2, 3], 3);
        Assert.Throws<ArgumentException>(() => floats.Span<int>()[0]);
        using var empty = OnnxTensor.Zeros(OnnxElementType.Int64, 0, 4);
        Assert.Equal(0, empty.Span<long>().Length);
    }

    [Fact]
    public void Runs_on_several_threads_at_once()
    {
        using var session = OnnxSession.FromBytes(Model(), new OnnxSessionOptions { Threads = 1 });
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 4 }, thread =>
        {
            using var x = OnnxTensor.From<float>([thread, 0, 0], 1, 3);
            using var images = OnnxTensor.Zeros(OnnxElementType.UInt8, 1, 2);
            using var y = OnnxTensor.Zeros(OnnxElementType.Float32, 1, 2);
            for (int i = 0; i < 200; i++)
            {
                session.Run([x, images], [y]);
                Assert.Equal(thread, y.Span<float>()[0]);
                Assert.Equal(4 * thread, y.Span<float>()[1]);
            }
        });
    }

    [Fact]
    public void A_run_allocates_nothing_on_the_managed_heap()
    {
        using var session = OnnxSession.FromBytes(Model(), new OnnxSessionOptions { Threads = 1 });
        using var x = OnnxTensor.Zeros(OnnxElementType.Float32, 1, 3);
        using var images = OnnxTensor.Zeros(OnnxElementType.UInt8, 1, 2);
        using var y = OnnxTensor.Zeros(OnnxElementType.Float32, 1, 2);
        for (int i = 0; i < 100; i++) session.Run([x, images], [y]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) session.Run([x, images], [y]);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void The_library_says_its_version()
    {
        OnnxEvaluation.Require();
        Assert.Matches(@"^\d+\.\d+\.\d+", OnnxRuntimeLibrary.Version);
    }

    [Fact]
    public void The_builder_refuses_what_is_not_a_graph()
    {
        var graph = new OnnxGraphBuilder("bad");
        var x = graph.Input("x", OnnxElementType.Float32, 1);
        Assert.Contains("'x'", Assert.Throws<ArgumentException>(() => graph.Input("x", OnnxElementType.Float32, 1)).Message);
        Assert.Contains("'y'", Assert.Throws<ArgumentException>(() => graph.Relu(new OnnxValue("y"))).Message);
        Assert.Throws<ArgumentException>(() => graph.Weight<float>("w", new float[3], 2, 2));
        Assert.Throws<ArgumentException>(() => graph.Node("Relu", [x], ("alpha", 1.0)));
    }

    /// <summary>y = W x + images, with W = [[1, 2, 3], [4, 5, 6]].</summary>
    private static byte[] Model()
    {
        OnnxEvaluation.Require();
        var graph = new OnnxGraphBuilder("test");
        var x = graph.Input("x", OnnxElementType.Float32, "batch", 3);
        var images = graph.Input("images", OnnxElementType.UInt8, "batch", 2);
        var w = graph.Weight<float>("w", [1, 2, 3, 4, 5, 6], 2, 3);
        var y = graph.Add(graph.Gemm(x, w, transposeB: true), graph.Cast(images, OnnxElementType.Float32));
        graph.Output(y, "y", OnnxElementType.Float32, "batch", 2);
        return graph.ToBytes();
    }
}
