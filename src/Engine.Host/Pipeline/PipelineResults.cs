namespace Engine.Host.Pipeline;

/// <summary>A share with its Wilson 95 % interval.</summary>
public sealed record Proportion(int N, double Success, double Low, double High)
{
    public static Proportion Of(int successes, int n)
    {
        if (n == 0) return new Proportion(0, double.NaN, double.NaN, double.NaN);
        const double z = 1.959964;
        double p = successes / (double)n, d = 1 + z * z / n, centre = (p + z * z / 2 / n) / d, half = z * Math.Sqrt(p * (1 - p) / n + z * z / 4 / n / n) / d;
        return new Proportion(n, p, centre - half, centre + half);
    }
}

public sealed record CollectResult(Proportion Expert, RecordedResult Demonstrations, RecordedResult Play);

public sealed record RecordedResult(int Episodes, double Success, double MeanLength, string Hash);

public sealed record AutoencoderResult(double Psnr, float[] Losses);

public sealed record LossResult(long Parameters, float[] Losses);

public sealed record RewardExample(string Instruction, bool Success, float[] Rewards, float[] Probabilities, float[] Progress);

public sealed record RewardResult(double Auc, double ProgressCorrelation, int HeldOutEpisodes, float Threshold, double F1, double Precision, double Recall, float[] ClassifierLosses, float[] RewardLosses, RewardExample[] Examples);

public sealed record DreamResult(double[] Psnr, double[] PsnrRepeatLast, double[] PsnrAutoencoder, double[] Ssim, double ActionSensitivity, string[] Pictures);

public sealed record GateResult(double Imagined, double Real, double Ratio, bool Holds, int Episodes);

public sealed record OnlineResult(bool Ran, int KeptIteration, double KeptCheck, Engine.Training.Algorithms.PpoIteration[] Iterations);

public sealed record VariationResult(int N, double Success, double Low, double High, double Intention, double WrongObject, double Grasp, double Move, bool[] Successes);

public sealed record PairedResult(double Difference, double Low, double High, double McNemarP);

public sealed record EvaluationResult(Dictionary<string, Dictionary<string, VariationResult>> Policies, Dictionary<string, Dictionary<string, PairedResult>> Paired);

public sealed record ServeResult(double P50Ms, double P99Ms, int Requests, double Success);
