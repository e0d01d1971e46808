using Engine.Simulation.Evaluation.Adapters;
using Engine.Tests.Shared;

namespace Engine.Simulation.Tests.Adapters;

public sealed class ActionAdapterTests
{
    /// <summary>The run used the statistics' full decimals, the golden file holds them rounded to float32.</summary>
    private const double Tolerance = 2e-6;

    [Theory]
    [InlineData("intact_bridge.npz", "post_bound", AdapterNormalisation.Bound)]
    [InlineData("intact_bridge.npz", "post_gaussian", AdapterNormalisation.Gaussian)]
    [InlineData("intact_fractal.npz", "post_bound", AdapterNormalisation.Bound)]
    [InlineData("intact_fractal.npz", "post_gaussian", AdapterNormalisation.Gaussian)]
    public void Chunks_become_actions(string file, string output, AdapterNormalisation normalisation)
    {
        var golden = new AdapterGolden(file);
        IGripperRule gripper = file.Contains("bridge", StringComparison.Ordinal) ? new BridgeGripper() : new StickyGripper();
        var adapter = new ActionAdapter(gripper) { Statistics = golden.Statistics("action"), Normalisation = normalisation };
        adapter.Reset();
        golden.AssertRows("actions", 7, output, 7, (a, e) => adapter.Step(a, e), Tolerance);
    }

    [Fact]
    public void The_bridge_gripper_is_a_threshold()
    {
        var golden = new AdapterGolden("intact_bridge.npz");
        golden.AssertRows("gripper_in", 1, "gripper_out", 1, (a, e) => e[0] = new BridgeGripper().Step(a[0]), 0);
        golden.AssertRows("gripper_in", 1, "gripper_out_binarized", 1, (a, e) => e[0] = Math.Sign(new BridgeGripper().Step(a[0])), 0);
        Assert.Equal(-1, new BridgeGripper().Step(0.5));
    }

    [Fact]
    public void The_fractal_gripper_sticks()
    {
        var golden = new AdapterGolden("intact_fractal.npz");
        double[] input = golden["sticky.in"], output = golden["sticky.out"], on = golden["sticky.is_on_after"], repeats = golden["sticky.repeat_after"];
        int length = (int)golden.Shape("sticky.in")[1];
        var gripper = new StickyGripper((int)golden.Scalar("sticky.num_repeat"));
        for (int i = 0; i < input.Length; i++)
        {
            if (i % length == 0) gripper.Reset();
            Assert.Equal(output[i], gripper.Step(input[i]), 1e-6);
            Assert.Equal(on[i] != 0, gripper.IsOn);
            Assert.Equal((int)repeats[i], gripper.Repeated);
        }
    }

    [Fact]
    public void Ensembles_agree()
    {
        var golden = new AdapterGolden("intact_ensemble.npz");
        string[] cases = [.. golden.Names.Where(n => n.StartsWith('e') && n.EndsWith(".in", StringComparison.Ordinal)).Select(n => n[..^3])];
        Assert.True(cases.Length >= 5);
        foreach (string name in cases)
        {
            long[] shape = golden.Shape($"{name}.in");
            int chunk = shape.Length == 3 ? (int)shape[1] : 1;
            var ensemble = new TemporalEnsemble((int)golden.Scalar($"{name}.horizon"), chunk, 7, golden.Scalar($"{name}.temp"));
            for (int episode = 0; episode < 2; episode++)
            {
                ensemble.Reset();
                golden.AssertRows($"{name}.in", chunk * 7, $"{name}.out", 7, (c, a) => ensemble.Step(c, a), 1e-6);
            }
        }
    }

    [Theory]
    [InlineData("spatialvla", AdapterNormalisation.None, 4)]
    [InlineData("octo", AdapterNormalisation.Gaussian, 4)]
    [InlineData("magma", AdapterNormalisation.Bound, 1)]
    public void Other_policies_are_compositions(string name, AdapterNormalisation normalisation, int chunk)
    {
        var golden = new AdapterGolden("intact_ensemble.npz");
        var adapter = new ActionAdapter(new BridgeGripper())
        {
            Statistics = golden.Statistics("action"),
            Normalisation = normalisation,
            NormalisedGripper = name == "magma",
            Ensemble = chunk > 1
                ? new TemporalEnsemble((int)golden.Scalar("spatialvla.horizon"), chunk, 7, golden.Scalar("spatialvla.temp"))
                : null,
        };
        adapter.Reset();
        golden.AssertRows($"{name}.in", chunk * 7, $"{name}.out", 7, (c, a) => adapter.Step(c, a), Tolerance);
    }

    [Fact]
    public void Statistics_files_are_read()
    {
        foreach (string name in new[] { "bridge", "fractal" })
        {
            AdapterStatisticsFile file = AdapterStatisticsFile.Read(Golden.Data($"statistics/{name}_statistics.json"));
            var golden = new AdapterGolden($"intact_{name}.npz");
            AdapterGolden.AssertClose(golden["stats.action.p99"], file.Action.P99, 1e-6, name);
            AdapterGolden.AssertClose(golden["stats.proprio.mean"], file.Proprio.Mean, 1e-6, name);
        }
    }

    [Fact]
    public void Wrong_lengths_are_refused()
    {
        var adapter = new ActionAdapter(new BridgeGripper());
        Assert.Throws<ArgumentException>(() => adapter.Step(new double[6], new double[7]));
        Assert.Throws<ArgumentException>(() => adapter.Step(new double[7], new double[8]));
        Assert.Throws<InvalidOperationException>(
            () => new ActionAdapter(new BridgeGripper()) { Normalisation = AdapterNormalisation.Bound }.Step(new double[7], new double[7]));
        Assert.Throws<ArgumentException>(() => new TemporalEnsemble(4, 3, 7, 0));
    }
}
