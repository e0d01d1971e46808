using System.ComponentModel.DataAnnotations;

namespace Engine.Host.Tests.Configuration;

internal enum SampleKind
{
    Mlp,
    TransformerBlock,
}

internal sealed record SampleCamera(string Name, int Height, int Width = 64);

internal sealed class SampleOptimizer
{
    public static SampleOptimizer Shared { get; } = new() { LearningRate = 1 };

    public double LearningRate { get; set; } = 1e-3;

    [Range(0.0, 1.0)]
    public float WeightDecay { get; set; } = 0.01f;

    public double[] Betas { get; set; } = [0.9, 0.999];
}

internal sealed record SampleConfiguration
{
    public int Steps { get; set; } = 100;

    public ulong Seed { get; set; } = 1;

    public string Name { get; set; } = "run";

    public string? Note { get; init; }

    public bool Shuffle { get; set; } = true;

    public int? Limit { get; set; }

    public SampleKind Kind { get; set; }

    public TimeSpan SaveEvery { get; set; } = TimeSpan.FromSeconds(60);

    public SampleOptimizer Optimizer { get; set; } = new();

    public SampleOptimizer SharedOptimizer { get; set; } = SampleOptimizer.Shared;

    public IReadOnlyList<SampleCamera> Cameras { get; set; } = [];

    public List<string> Tasks { get; set; } = ["reach"];

    public Dictionary<string, double> Weights { get; set; } = new() { ["a"] = 1 };

    public int Twice => Steps * 2;
}
