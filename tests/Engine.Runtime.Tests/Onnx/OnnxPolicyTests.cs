using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Runtime.Onnx;
using Engine.Runtime.Policies;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Tests.Onnx;

/// <summary>Policy folders and what they refuse. That the numbers are the network's is tested where the network is (Engine.Host.Tests).</summary>
public sealed class OnnxPolicyTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"engine-policy-{Guid.NewGuid():n}");

    private static readonly PolicyContract s_contract = new()
    {
        Name = "small",
        Cameras = [new CameraSpec("front", 16, 24)],
        StateNames = ["x (m)", "y (m)"],
        ActionNames = ["dx (m)", "dy (m)", "gripper"],
        ActionStatistics = Statistics(3),
        StateStatistics = Statistics(2),
        Embodiment = new EmbodimentSpec { StepLimit = new float[6], PoseLow = new float[6], PoseHigh = new float[6], ControlHz = 5 },
        ActionHorizon = 2,
        Vocabulary = ["push", "reach"],
        MaxWords = 4,
        ActionBins = 16,
    };

    [Fact]
    public void A_folder_is_written_and_run()
    {
        OnnxEvaluation.Require();
        PolicyDirectory.Write(_folder, Weights(), s_contract, new VlaGraphShape { Heads = 2 });
        Assert.True(PolicyDirectory.Exists(_folder));
        Assert.Equal(Weights().Keys.Order(), SafeTensors.Read(Path.Combine(_folder, PolicyDirectory.WeightsFileName)).Keys.Order());
        using var policy = PolicyDirectory.Load(_folder);
        Assert.Equal("small", policy.Contract.Name);

        float[] actions = new float[12], again = new float[12], logits = new float[2 * 6 * 16];
        long[] classes = new long[12];
        policy.Act(Observations(2), actions, classes, logits);
        policy.Act(Observations(2), again);
        Assert.Equal(actions, again);
        for (int i = 0; i < 12; i++)
        {
            // Greedy: the class is the arg-max, its value the bin's centre in the environment's units.
            var row = logits.AsSpan(i * 16, 16).ToArray();
            Assert.Equal(Array.IndexOf(row, row.Max()), classes[i]);
            float centre = -1 + (Math.Min(classes[i], 14) + 0.5f) * 2 / 15;
            Assert.Equal(i % 3 == 2 ? centre : 0.5f * (centre + 1) * 4 - 2, actions[i], 1e-5f);
        }
    }

    [Fact]
    public void Sampling_follows_the_distribution()
    {
        OnnxEvaluation.Require();
        using var policy = OnnxPolicy.FromBytes(VlaPolicyGraph.Build(Weights(), s_contract, new VlaGraphShape { Heads = 2 }), s_contract);
        const int batch = 2000;
        float[] actions = new float[batch * 6], logits = new float[batch * 6 * 16], uniforms = new float[batch * 6];
        long[] classes = new long[batch * 6];
        Philox.FillUniform(uniforms, new PhiloxKey(5, PhiloxStream.ActionSampling));
        policy.Act(Observations(batch, same: true), actions, classes, logits, 2f, uniforms);

        // The first token's logits are the same for all: its classes must come as often as the tempered soft-max says.
        double[] weights = [.. logits[..16].Select(l => Math.Exp(l / 2.0))];
        double total = weights.Sum(), chiSquare = 0;
        for (int c = 0; c < 16; c++)
        {
            double expected = batch * weights[c] / total;
            int found = Enumerable.Range(0, batch).Count(b => classes[b * 6] == c);
            chiSquare += (found - expected) * (found - expected) / expected;
        }

        Assert.InRange(chiSquare, 0, 37.7); // 99.9 % point of chi-square with 15 degrees of freedom
        for (int b = 0; b < batch; b++)
        {
            double sum = 0;
            int index = 0;
            while (index < 15 && (sum += weights[index] / total) < uniforms[b * 6] - 1e-5) index++;
            Assert.InRange(classes[b * 6], index - 1, index + 1);
        }
    }

    [Fact]
    public void A_batch_that_does_not_fit_is_refused_by_name()
    {
        OnnxEvaluation.Require();
        using var policy = OnnxPolicy.FromBytes(VlaPolicyGraph.Build(Weights(), s_contract, new VlaGraphShape { Heads = 2 }), s_contract);
        float[] actions = new float[6];
        var good = Observations(1);
        Refused("actions", good, new float[5]);
        Refused("States", With(states: [1]), actions);
        Refused("camera 'front'", With(images: new() { ["front"] = new byte[3] }), actions);
        Refused("no images of camera 'front'", With(images: new() { ["top"] = good.Images["front"] }), actions);
        Refused("Instructions", With(instructions: []), actions);
        Assert.Contains("uniforms", Assert.Throws<ArgumentException>(() => policy.Act(good, actions, 1f)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => policy.Act(good, actions, -1f));
        policy.Act(good, actions);
        policy.Dispose();
        Assert.Throws<ObjectDisposedException>(() => policy.Act(good, actions));

        void Refused(string reason, ObservationBatch batch, float[] into) =>
            Assert.Contains(reason, Assert.Throws<ArgumentException>(() => policy.Act(batch, into)).Message);

        ObservationBatch With(string[]? instructions = null, Dictionary<string, ReadOnlyMemory<byte>>? images = null, float[]? states = null) => new()
        {
            Count = 1,
            Instructions = instructions ?? good.Instructions,
            Images = images ?? good.Images,
            States = states ?? good.States,
        };
    }

    [Fact]
    public void Weights_that_do_not_fit_are_refused_by_name()
    {
        Refused("no 'fuse2.bias'", w => w.Remove("fuse2.bias"));
        Refused("'trunk.conv3.weight' has shape [8, 8, 1, 1]", w => w["trunk.conv3.weight"] = NamedArray.FromFloat32(new float[64], 8, 8, 1, 1));
        Refused("'text.words.weight'", w => w["text.words.weight"] = NamedArray.FromFloat32(new float[48], 6, 8));
        Refused("'action_positions'", w => w["action_positions"] = NamedArray.FromFloat32(new float[7 * 16], 7, 16));
        Refused("no 'layers.0.qkv.weight'", w => w.Remove("layers.0.qkv.weight"));
        Refused("3 heads", _ => { }, new VlaGraphShape { Heads = 3 });
        Refused("5 groups", _ => { }, new VlaGraphShape { Heads = 2, NormalisationGroups = 5 });
        Refused("16 bins, the contract 256", _ => { }, contract: s_contract with { ActionBins = 256 });
        Refused("one camera", _ => { }, contract: s_contract with { Cameras = [s_contract.Cameras[0], new CameraSpec("wrist", 16, 16)] });
        Refused("multiples of 4", _ => { }, contract: s_contract with { Cameras = [new CameraSpec("front", 15, 16)] });

        static void Refused(string reason, Action<Dictionary<string, NamedArray>> change, VlaGraphShape? shape = null, PolicyContract? contract = null)
        {
            var weights = Weights();
            change(weights);
            var error = Assert.Throws<InvalidDataException>(() => VlaPolicyGraph.Build(weights, contract ?? s_contract, shape ?? new VlaGraphShape { Heads = 2 }));
            Assert.Contains(reason, error.Message);
        }
    }

    [Fact]
    public void A_folder_that_is_no_policy_or_does_not_fit_its_contract_is_refused()
    {
        OnnxEvaluation.Require();
        Assert.False(PolicyDirectory.Exists(_folder));
        Assert.Contains("contract.json", Assert.Throws<FileNotFoundException>(() => PolicyDirectory.Load(_folder)).Message);
        PolicyDirectory.Write(_folder, Weights(), s_contract, new VlaGraphShape { Heads = 2 });
        ContractFile.Write(Path.Combine(_folder, ContractFile.FileName), s_contract with { MaxWords = 5 });
        Assert.Contains("Int64[batch, 5]", Assert.Throws<InvalidDataException>(() => PolicyDirectory.Load(_folder)).Message);
        File.WriteAllBytes(Path.Combine(_folder, PolicyDirectory.ModelFileName), [1, 2, 3]);
        Assert.Throws<OnnxRuntimeException>(() => PolicyDirectory.Load(_folder));
        File.Delete(Path.Combine(_folder, PolicyDirectory.ModelFileName));
        Assert.Contains("policy.onnx", Assert.Throws<FileNotFoundException>(() => PolicyDirectory.Load(_folder)).Message);
    }

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, true);
    }

    private static NormalisationStatistics Statistics(int width) => new()
    {
        Q01 = [.. Enumerable.Repeat(-2f, width)],
        Q99 = [.. Enumerable.Repeat(2f, width)],
        Mean = new float[width],
        Std = new float[width],
        Mask = [.. Enumerable.Range(0, width).Select(i => i < 2)],
    };

    private static ObservationBatch Observations(int count, bool same = false)
    {
        byte[] images = new byte[count * 16 * 24 * 3];
        for (int i = 0; i < images.Length; i++) images[i] = (byte)(i % 1152 * 7 + (same ? 0 : i / 1152 * 50));
        return new ObservationBatch
        {
            Count = count,
            Instructions = [.. Enumerable.Range(0, count).Select(i => same || i % 2 == 0 ? "reach" : "push it")],
            Images = new() { ["front"] = images },
            States = [.. Enumerable.Range(0, 2 * count).Select(i => same ? 0.5f : i * 0.1f)],
        };
    }

    private static Dictionary<string, NamedArray> Weights()
    {
        const int text = 8, hidden = 16, dim = 16, keypoints = 4, channels = 8, bins = 16;
        var weights = new Dictionary<string, NamedArray>();
        uint stream = 0;
        Add("text.words.weight", 4, text);
        Add("text.positions.weight", 4, text);
        Layer("text.mix", text, text);
        Layer("trunk.conv1", 8, 3, 4, 4);
        Layer("trunk.conv2", channels, 10, 4, 4);
        Layer("trunk.norm", channels);
        Layer("trunk.conv3", channels, channels, 3, 3);
        Layer("trunk.conv4", channels, channels, 3, 3);
        Layer("trunk.maps", keypoints, channels, 1, 1);
        Layer("trunk.film1", 2 * channels, text);
        Layer("trunk.film2", 2 * channels, text);
        Layer("fuse1", hidden, 3 * keypoints + text + 2);
        Layer("fuse2", hidden, hidden);
        Layer("prefix", 3 * dim, hidden);
        Layer("context", dim, hidden);
        Layer("value", dim, 5);
        Layer("norm", dim);
        Layer("head", bins, dim);
        Add("prefix_positions", 3, dim);
        Add("action_positions", 6, dim);
        Layer("layers.0.norm1", dim);
        Add("layers.0.qkv.weight", 3 * dim, dim);
        Layer("layers.0.out", dim, dim);
        Layer("layers.0.norm2", dim);
        Layer("layers.0.up", 4 * dim, dim);
        Layer("layers.0.down", dim, 4 * dim);
        return weights;

        void Layer(string name, params long[] shape)
        {
            Add(name + ".weight", shape);
            Add(name + ".bias", shape[0]);
        }

        void Add(string name, params long[] shape)
        {
            float[] values = new float[shape.Aggregate(1L, (a, b) => a * b)];
            Philox.FillNormal(values, new PhiloxKey(11, stream++));
            double scale = shape.Length > 1 ? 1.5 / Math.Sqrt(values.Length / (double)shape[0]) : 0.5;
            for (int i = 0; i < values.Length; i++) values[i] = (float)(values[i] * scale);
            weights[name] = NamedArray.FromFloat32(values, shape);
        }
    }
}
