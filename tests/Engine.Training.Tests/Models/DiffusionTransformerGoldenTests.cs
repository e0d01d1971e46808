using System.Text.Json;
using Engine.Runtime.Weights;
using Engine.Tests.Shared;
using Engine.Training.Algorithms;
using Engine.Training.Checkpoints;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Models;

public sealed class DiffusionTransformerGoldenTests
{
    [Theory]
    [InlineData("dit", "std")]
    [InlineData("dit", "pixel")]
    [InlineData("dit", "rect_std")]
    [InlineData("dit", "rect_pixel")]
    [InlineData("dit", "t1")]
    [InlineData("dit_b", "std")]
    [InlineData("dit_b", "pixel")]
    [InlineData("dit_b", "rect_std")]
    [InlineData("dit_b", "rect_pixel")]
    [InlineData("dit_b", "t1")]
    public void The_velocity_and_the_conditioning_are_those_of_the_original(string model, string name)
    {
        var arrays = Npz.Read(Golden.Path($"{model}_forward.npz"));
        if (!arrays.ContainsKey(name + ".x")) Assert.Skip($"{model}_forward.npz has no case {name}");
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        bool pixel = arrays[name + ".rope_pixel"].ToInt64()[0] == 1;
        using var network = Load(model, pixel ? SpatialRotaryKind.Pixel : SpatialRotaryKind.Standard);
        Tensor timesteps = Of("t"), actions = Of("action");
        Near(name + ".act.cond", network.Condition(timesteps, actions), 3e-4, 1e-4);
        var velocity = network.Forward(Of("x"), timesteps, actions);
        Assert.Equal(arrays[name + ".out"].Shape, velocity.Shape);
        Near(name + ".out", velocity, 1e-4, 1e-4);

        Tensor Of(string key) => TensorConversion.ToTensor(arrays[$"{name}.{key}"]);

        void Near(string key, Tensor actual, double absolute, double relative) => Torch.Expect.Near(arrays[key].ToFloat32(), actual.ToArray(), absolute, relative);
    }

    [Fact]
    public void Three_optimisation_steps_are_those_of_the_original()
    {
        var golden = Npz.Read(Golden.Path("train.npz"));
        using var config = JsonDocument.Parse(File.ReadAllText(Golden.Path("train_config.json")));
        var root = config.RootElement;
        using var network = Load("dit", SpatialRotaryKind.Standard);
        var betas = root.GetProperty("betas");
        double rate = root.GetProperty("lr").GetDouble();
        using var optimizer = new AdamW(network.Parameters(), rate, betas[0].GetDouble(), betas[1].GetDouble(), root.GetProperty("eps").GetDouble(), root.GetProperty("weight_decay").GetDouble());
        using var ema = new Ema(network, root.GetProperty("ema_decay").GetDouble(), warmup: false);
        float[] losses = golden["loss"].ToFloat32(), norms = golden["grad_norm"].ToFloat32();
        for (int step = 0; step < 3; step++)
        {
            using var scope = new TensorScope();
            optimizer.ZeroGrad();
            var loss = WorldModelTraining.VelocityLoss(network, At("x", step), At("noise", step), At("t", step), At("action", step));
            loss.Backward();
            Assert.Equal(losses[step], loss.Item(), losses[step] * 1e-5f);
            Assert.Equal(norms[step], Gradients.Norm(network.Parameters()), norms[step] * 1e-4);
            if (step == 0) CompareGradients(network, golden);
            optimizer.Step();
            ema.Update();
        }

        int compared = 0, loose = 0;
        foreach (var (name, parameter) in network.NamedParameters())
        {
            float[] expected = golden["param3." + name].ToFloat32(), got = parameter.ToArray();
            float[] expectedMean = golden["ema3." + name].ToFloat32(), mean = ema.StateDict()[name].ToArray();
            for (int i = 0; i < got.Length; i++)
            {
                float error = Math.Abs(expected[i] - got[i]);
                compared++;
                if (error > 1e-6) loose++;
                Assert.True(error <= 3 * 2 * rate, $"param3.{name}[{i}]: expected {expected[i]:R}, got {got[i]:R}");
                Assert.True(Math.Abs(expectedMean[i] - mean[i]) <= 1e-6, $"ema3.{name}[{i}]: expected {expectedMean[i]:R}, got {mean[i]:R}");
            }
        }

        // Only where a gradient is close to zero does rounding decide the direction of a step.
        Assert.True(loose < compared / 100, $"{loose} of {compared} parameters are off by more than 1e-6");

        Tensor At(string key, int step) => TensorConversion.ToTensor(golden[key]).Select(0, step);
    }

    private static void CompareGradients(DiffusionTransformer network, Dictionary<string, NamedArray> golden)
    {
        int tensors = 0;
        foreach (var (name, parameter) in network.NamedParameters())
        {
            float[] expected = golden["grad." + name].ToFloat32(), got = parameter.Grad!.ToArray();
            double largest = expected.Max(Math.Abs);
            Assert.Equal(expected.Length, got.Length);
            for (int i = 0; i < got.Length; i++) Assert.True(Math.Abs(expected[i] - got[i]) <= 1e-4 * largest, $"grad.{name}[{i}]: expected {expected[i]:R}, got {got[i]:R}, largest {largest:R}");
            tensors++;
        }

        Assert.Equal(golden.Keys.Count(k => k.StartsWith("grad.", StringComparison.Ordinal)), tensors);
    }

    private static DiffusionTransformer Load(string model, SpatialRotaryKind rotary)
    {
        using var config = JsonDocument.Parse(File.ReadAllText(Golden.Path($"{model}_config.json")));
        var c = config.RootElement.TryGetProperty("model", out var inner) && inner.ValueKind == JsonValueKind.Object ? inner : config.RootElement;
        var network = new DiffusionTransformer(new WeightInitialiser(1), new DiffusionTransformerArchitecture
        {
            InChannels = c.GetProperty("in_channels").GetInt32(),
            PatchSize = c.GetProperty("patch_size").GetInt32(),
            Dim = c.GetProperty("dim").GetInt32(),
            NumLayers = c.GetProperty("num_layers").GetInt32(),
            NumHeads = c.GetProperty("num_heads").GetInt32(),
            ActionDim = c.GetProperty("action_dim").GetInt32(),
            MaxFrames = c.GetProperty("max_frames").GetInt32(),
            SpatialRotary = rotary,
        });
        using var scope = new TensorScope();
        network.LoadStateDict(TensorConversion.ToTensors(Npz.Read(Golden.Path($"{model}_weights.npz"))));
        return network;
    }
}
