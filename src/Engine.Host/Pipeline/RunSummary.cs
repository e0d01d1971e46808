using System.Text.Json.Serialization;
using Engine.Simulation.Evaluation;

namespace Engine.Host.Pipeline;

/// <summary>What <c>summary.json</c> holds; keys in snake_case.</summary>
public sealed record RunSummary
{
    public required StageTime[] Stages { get; init; }

    public required ExpertFigures Expert { get; init; }

    public required DreamFigures Dream { get; init; }

    public required RewardFigures Reward { get; init; }

    /// <summary>Imagined over real success of the cloned policy.</summary>
    public required GateResult Gate { get; init; }

    /// <summary>By policy (<c>bc</c>, <c>offline</c>, <c>online</c>) and variation.</summary>
    public required Dictionary<string, Dictionary<string, PolicyFigures>> Policies { get; init; }

    /// <summary>By pair (<c>offline-bc</c>, <c>online-bc</c>) and variation.</summary>
    public required Dictionary<string, Dictionary<string, PairedFigures>> Paired { get; init; }

    public required ServeFigures Serve { get; init; }

    public required long PeakMemoryMb { get; init; }

    public required ulong Seed { get; init; }

    public required Dictionary<string, string> Versions { get; init; }

    /// <summary>SHA-256 of data (contents) and weights (files).</summary>
    public required Dictionary<string, string> Hashes { get; init; }

    public sealed record StageTime(string Name, double Seconds);

    public sealed record ExpertFigures(double Success, int N);

    public sealed record DreamFigures(double[] Psnr, double[] PsnrRepeatLast, double[] Ssim, double ActionSensitivity);

    public sealed record RewardFigures(double Auc, double ProgressCorrelation);

    public sealed record PolicyFigures(int N, double Success, double Low, double High, double Intention, double WrongObject, double Grasp, double Move)
    {
        public static PolicyFigures Of(VariationResult r) => new(r.N, r.Success, r.Low, r.High, r.Intention, r.WrongObject, r.Grasp, r.Move);
    }

    public sealed record PairedFigures(double Difference, double Low, double High)
    {
        public static PairedFigures Of(PairedComparison c) => new(c.Difference, c.Low, c.High);
    }

    public sealed record ServeFigures([property: JsonPropertyName("p50_ms")] double P50Ms, [property: JsonPropertyName("p99_ms")] double P99Ms);
}
