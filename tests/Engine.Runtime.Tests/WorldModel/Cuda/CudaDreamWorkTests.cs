using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.WorldModel;
using Engine.Runtime.WorldModel.Cuda;

namespace Engine.Runtime.Tests.WorldModel.Cuda;

/// <summary>What a dream asks of a device: which calls, in which order, how much memory.</summary>
public sealed class CudaDreamWorkTests
{
    private static readonly WorldModelConfig Config = RandomModel.Small with { NumLayers = 2, LatentHeight = 4, LatentWidth = 4, SamplingSteps = 3 };

    [Theory]
    [InlineData(DreamMode.Streaming, 1)]
    [InlineData(DreamMode.Exact, 1)]
    public void A_step_sends_two_plans_runs_two_graphs_and_launches_nothing_besides(DreamMode mode, int environments)
    {
        using EmulatedGpu gpu = EmulatedGpu.Open();
        using WorldModelWeights weights = RandomModel.Create(Config);
        using var model = new CudaWorldModel(gpu.Context, weights);
        using var dream = new CudaDreamState(model, environments, mode, seed: 7);
        Dreams.Roll(dream, Config, [0], 6);
        gpu.Driver.Forget();
        float[] action = RandomModel.Normal(Config.ActionDim, 1);
        dream.Step([0], action);
        string[] work = ["cuMemcpyHtoDAsync", "cuGraphLaunch", "cuMemcpyHtoDAsync", "cuGraphLaunch"];
        Assert.Equal(work, gpu.Driver.Calls.Select(call => call.Name));
        gpu.Driver.Forget();
        dream.Step([0], action, new float[Config.FrameNumbers]);
        Assert.Equal([.. work, "cuMemcpyDtoHAsync", "cuStreamSynchronize"], gpu.Driver.Calls.Select(call => call.Name));
    }

    [Theory]
    [InlineData(DreamMode.Streaming)]
    [InlineData(DreamMode.Exact)]
    public void A_step_allocates_neither_managed_memory_nor_the_devices(DreamMode mode)
    {
        const int Environments = 3;
        int[] all = [.. Enumerable.Range(0, Environments)];
        using EmulatedGpu gpu = EmulatedGpu.Open();
        using WorldModelWeights weights = RandomModel.Create(Config);
        using var model = new CudaWorldModel(gpu.Context, weights);
        using var dream = new CudaDreamState(model, Environments, mode, seed: 7);
        // Until every window has slid, so that every graph is there.
        Dreams.Roll(dream, Config, all, Config.MaxFrames + 2);
        float[] actions = RandomModel.Normal(Environments * Config.ActionDim, 1), latents = new float[Environments * Config.FrameNumbers];
        gpu.Driver.Forget();
        long held = gpu.Context.HeldBytes, before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 3; step++)
        {
            dream.Step(all, actions);
            dream.Step(all, actions, latents);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(held, gpu.Context.HeldBytes);
        // No cuMemAllocAsync, no cuLaunchKernel, no cuModuleLoadData, no capture.
        Assert.Equal(["cuGraphLaunch", "cuMemcpyDtoHAsync", "cuMemcpyHtoDAsync", "cuStreamSynchronize"], gpu.Driver.Calls.Select(call => call.Name).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_graph_holds_the_whole_denoising_in_order()
    {
        using EmulatedGpu gpu = EmulatedGpu.Open();
        using WorldModelWeights weights = RandomModel.Create(Config);
        using var model = new CudaWorldModel(gpu.Context, weights);
        using var dream = new CudaDreamState(model, 1, DreamMode.Streaming, seed: 7);
        Dreams.Roll(dream, Config, [0], 1);
        string[][] graphs = [.. Graphs(gpu.Driver.Calls).Select(graph => graph.Select(call => call.Target).ToArray())];
        string[] spatial = ["layer_norm_modulate", "gemm", "rotary_packed", "spatial_attention", "gemm", "layer_norm_modulate", "gemm", "gemm"];
        string[] enterTemporal = ["layer_norm_modulate", "gemm", "temporal_append", "temporal_attend", "gemm", "layer_norm_modulate", "gemm", "gemm"];
        string[] temporal = ["layer_norm_modulate", "gemm", "temporal_append_attend", "gemm", "layer_norm_modulate", "gemm", "gemm"];
        Assert.Equal(2, graphs.Length);
        Assert.Equal(
            ["condition", "gemm", "to_tokens", "gemm", .. spatial, .. enterTemporal, .. spatial, "layer_norm_modulate", "gemm", "temporal_append"], graphs[0]);
        string[] pass = ["gemm", .. spatial, .. temporal, .. spatial, .. temporal, "layer_norm_modulate", "gemm", "ddim_update"];
        Assert.Equal(["condition", "gemm", "ddim_begin", .. pass, .. pass, .. pass, "from_tokens", "from_tokens"], graphs[1]);
    }

    [Theory]
    [InlineData(GemmPrecision.BFloat16)]
    [InlineData(GemmPrecision.Float32)]
    public void Memory_is_what_is_documented_and_is_given_back(GemmPrecision precision)
    {
        using EmulatedGpu gpu = EmulatedGpu.Open();
        using WorldModelWeights weights = RandomModel.Create(Config);
        using var model = new CudaWorldModel(gpu.Context, weights, precision);
        long before = gpu.Context.HeldBytes;
        long Held(int environments)
        {
            using var dream = new CudaDreamState(model, environments, DreamMode.Streaming);
            return gpu.Context.HeldBytes - before;
        }

        // Beyond 256 environments nothing but the state grows.
        Assert.Equal(100 * CudaDreamState.BytesPerEnvironment(Config, precision: precision), Held(400) - Held(300));
        Assert.Equal(before, gpu.Context.HeldBytes);
        Assert.Equal(321, CudaDreamState.BytesPerEnvironment(WorldModelBenchmark.Original) >> 20);
    }

    [Fact]
    public void Too_many_environments_say_what_was_asked_and_held_and_leave_the_device_usable()
    {
        using EmulatedGpu gpu = EmulatedGpu.OpenEmulated(memory: 24 << 20);
        using WorldModelWeights weights = RandomModel.Create(Config);
        using var model = new CudaWorldModel(gpu.Context, weights);
        long before = gpu.Context.HeldBytes;
        var error = Assert.Throws<OutOfMemoryException>(() => new CudaDreamState(model, 5000));
        Assert.Contains("are held here", error.Message, StringComparison.Ordinal);
        Assert.Contains("fewer environments", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, gpu.Context.HeldBytes);
        using var dream = new CudaDreamState(model, 2);
        Assert.DoesNotContain(float.NaN, Dreams.Roll(dream, Config, [0, 1], 1));
    }

    [Fact]
    public void Batches_are_as_few_sizes_as_said_and_waste_a_quarter_at_most()
    {
        foreach (int capacity in new[] { 1, 7, 8, 9, 30, 256 })
        {
            int[] sizes = [.. CudaBatch.Sizes(capacity)];
            Assert.Equal(capacity, sizes[^1]);
            Assert.True(sizes.Length <= 28, $"{sizes.Length} sizes for {capacity}");
            for (int count = 1; count <= capacity; count++)
            {
                int size = CudaBatch.SizeFor(count, capacity);
                Assert.Contains(size, sizes);
                Assert.InRange(size, count, Math.Max(count, count * 4 / 3));
            }
        }
    }

    [Fact]
    public void The_kernels_that_are_checked_without_a_GPU_are_those_of_the_shipped_configurations()
    {
        CudaModelShape[] shapes =
        [
            CudaWorldModel.ShapeOf(WorldModelBenchmark.Small), CudaWorldModel.ShapeOf(WorldModelBenchmark.Medium), CudaWorldModel.ShapeOf(WorldModelBenchmark.Large),
            CudaWorldModel.ShapeOf(WorldModelBenchmark.Original), CudaWorldModel.ShapeOf(WorldModelBenchmark.Original, 10),
        ];
        Assert.Equal(
            shapes.Select(shape => shape.ToString()).Order(StringComparer.Ordinal),
            CudaModelShape.Shipped.Select(shape => (shape with { Name = "model" }).ToString()).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(GemmPrecision.BFloat16)]
    [InlineData(GemmPrecision.Float32)]
    [InlineData(GemmPrecision.Float8)]
    public void A_dream_asks_for_no_kernel_that_its_shape_does_not_name(GemmPrecision precision)
    {
        using EmulatedGpu gpu = precision == GemmPrecision.Float8 ? EmulatedGpu.OpenHopper() : EmulatedGpu.Open();
        WorldModelConfig config = Config with { PreviousFrameInput = true, PredictChange = true };
        using WorldModelWeights weights = RandomModel.Create(config);
        using var model = new CudaWorldModel(gpu.Context, weights, precision);
        using var dream = new CudaDreamState(model, 9, DreamMode.Exact);
        Dreams.Roll(dream, config, [.. Enumerable.Range(0, 9)], 4);
        HashSet<string> named = [.. CudaKernels.For(CudaWorldModel.ShapeOf(config)).Select(kernel => kernel.ToString())];
        string[] loaded = [.. gpu.Driver.Calls.Where(call => call.Name == "cuModuleLoadData").Select(call => call.Target)];
        Assert.NotEmpty(loaded);
        Assert.All(loaded, name => Assert.Contains(name, named));
    }

    private static IEnumerable<CudaCall[]> Graphs(IReadOnlyList<CudaCall> calls)
    {
        for (int i = 0; i < calls.Count; i++)
        {
            if (calls[i].Name != "cuStreamBeginCapture") continue;
            CudaCall[] graph = [.. calls.Skip(i + 1).TakeWhile(call => call.Name != "cuStreamEndCapture")];
            Assert.All(graph, call => Assert.Equal("cuLaunchKernel", call.Name));
            yield return graph;
        }
    }
}
