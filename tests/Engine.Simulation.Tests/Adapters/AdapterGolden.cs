using Engine.Runtime.Weights;
using Engine.Simulation.Evaluation.Adapters;
using Engine.Tests.Shared;

namespace Engine.Simulation.Tests.Adapters;

/// <summary>INT-ACT's golden arrays as float64.</summary>
internal sealed class AdapterGolden(string file)
{
    private readonly Dictionary<string, NamedArray> _arrays = Npz.Read(Golden.Path(file));

    public IEnumerable<string> Names => _arrays.Keys;

    public long[] Shape(string name) => _arrays[name].Shape;

    public double[] this[string name] => [.. _arrays[name].ToFloat32().Select(v => (double)v)];

    public double Scalar(string name) => this[name][0];

    public AdapterStatistics Statistics(string name) => new()
    {
        Mean = this[$"stats.{name}.mean"],
        Std = this[$"stats.{name}.std"],
        P01 = this[$"stats.{name}.p01"],
        P99 = this[$"stats.{name}.p99"],
    };

    /// <summary>Runs <paramref name="map"/> on rows of <paramref name="input"/> and compares with <paramref name="output"/>.</summary>
    public void AssertRows(string input, int inputWidth, string output, int outputWidth, Action<double[], double[]> map, double tolerance)
    {
        double[] from = this[input], expected = this[output];
        Assert.Equal(from.Length / inputWidth, expected.Length / outputWidth);
        Assert.NotEmpty(from);
        for (int row = 0; row < from.Length / inputWidth; row++)
        {
            var got = new double[outputWidth];
            map(from[(row * inputWidth)..((row + 1) * inputWidth)], got);
            AssertClose(expected[(row * outputWidth)..((row + 1) * outputWidth)], got, tolerance, $"{output} row {row}");
        }
    }

    public static void AssertClose(double[] expected, double[] actual, double tolerance, string where)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs(expected[i] - actual[i]);
            Assert.True(error <= tolerance * Math.Max(1, Math.Abs(expected[i])), $"{where}, number {i}: {actual[i]:R} instead of {expected[i]:R}");
        }
    }
}
