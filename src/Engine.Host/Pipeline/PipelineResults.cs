using Engine.Simulation.Evaluation;

namespace Engine.Host.Pipeline;

public sealed record CollectResult(Proportion Expert, RecordedResult Demonstrations, RecordedResult Play);

public sealed record RecordedResult(int Episodes, double Success, double MeanLength, string Hash);

public sealed record AutoencoderResult(double Psnr, float[] Losses);

public sealed record LossResult(long Parameters, float[] Losses);

public sealed record RewardExample(string Instruction, bool Success, float[] Rewards, float[] Probabilities, float[] Progress);

public sealed record RewardResult(double Auc, double ProgressCorrelation, int HeldOutEpisodes, float Threshold, double F1, double Precision, double Recall, float[] ClassifierLosses, float[] RewardLosses, RewardExample[] Examples);

public sealed record DreamResult(double[] Psnr, double[] PsnrRepeatLast, double[] PsnrAutoencoder, double[] Ssim, double ActionSensitivity, string[] Pictures);

public sealed record GateResult(double Imagined, double Real, double Ratio, bool Holds, int Episodes);

public sealed record OnlineResult(bool Ran, int KeptIteration, double FirstCheck, double KeptCheck, Engine.Training.Algorithms.PpoIteration[] Iterations);

public sealed record VariationResult(int N, double Success, double Low, double High, double Intention, double WrongObject, double Grasp, double Move, bool[] Successes);

public sealed record EvaluationResult(Dictionary<string, Dictionary<string, VariationResult>> Policies, Dictionary<string, Dictionary<string, PairedComparison>> Paired);

public sealed record ServeResult(string Policy, double P50Ms, double P99Ms, long Requests, double Success, int Episodes);
