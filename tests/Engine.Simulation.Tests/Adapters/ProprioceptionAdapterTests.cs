using Engine.Simulation.Evaluation.Adapters;

namespace Engine.Simulation.Tests.Adapters;

public sealed class ProprioceptionAdapterTests
{
    private const double Tolerance = 2e-6;

    [Fact]
    public void Bridge_agrees()
    {
        var golden = new AdapterGolden("intact_bridge.npz");
        AdapterStatistics statistics = golden.Statistics("proprio");
        golden.AssertRows("eef_pos", 8, "proprio_raw", 7, (e, p) => ProprioceptionAdapter.Bridge(e, p), Tolerance);
        foreach ((string name, AdapterNormalisation kind) in new[] { ("bound", AdapterNormalisation.Bound), ("gaussian", AdapterNormalisation.Gaussian) })
        {
            golden.AssertRows("eef_pos", 8, $"proprio_{name}", 7, (e, p) =>
            {
                ProprioceptionAdapter.Bridge(e, p);
                statistics.Normalise(p, kind);
            }, 5e-6);
        }
    }

    [Fact]
    public void Fractal_agrees()
    {
        var golden = new AdapterGolden("intact_fractal.npz");
        AdapterStatistics statistics = golden.Statistics("proprio");
        golden.AssertRows("eef_pos", 8, "proprio_raw", 8, (e, p) => ProprioceptionAdapter.Fractal(e, p), Tolerance);
        golden.AssertRows("eef_pos", 8, "proprio_euler_raw", 7, (e, p) => ProprioceptionAdapter.FractalEuler(e, p), Tolerance);
        foreach ((string name, AdapterNormalisation kind) in new[] { ("bound", AdapterNormalisation.Bound), ("gaussian", AdapterNormalisation.Gaussian) })
        {
            golden.AssertRows("eef_pos", 8, $"proprio_{name}", 8, (e, p) =>
            {
                ProprioceptionAdapter.Fractal(e, p);
                statistics.Normalise(p, kind);
            }, 5e-6);
        }
    }

    [Theory]
    [InlineData("intact_bridge.npz")]
    [InlineData("intact_fractal.npz")]
    public void Images_agree(string file)
    {
        var golden = new AdapterGolden(file);
        long[] shape = golden.Shape("image_uint8");
        byte[] image = [.. golden["image_uint8"].Select(v => (byte)v)];
        var planes = new float[image.Length];
        ImageAdapter.ToSignedPlanes(image, (int)shape[0], (int)shape[1], planes);
        AdapterGolden.AssertClose(golden["image_processed"], [.. planes.Select(v => (double)v)], 1e-6, file);
        Assert.Throws<ArgumentException>(() => ImageAdapter.ToSignedPlanes(image, 3, 3, planes));
    }
}
