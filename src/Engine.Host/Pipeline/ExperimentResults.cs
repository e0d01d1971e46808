namespace Engine.Host.Pipeline;

public sealed record CheckpointResult(string Policy, double Imagined, double Real);

public sealed record SeedResult(ulong Seed, GateResult Gate, OnlineResult Online, EvaluationResult Evaluation, CheckpointResult[] Checkpoints, DreamResult Dream, RewardResult Reward, Dictionary<string, double> StageSeconds);

public sealed record PooledDifference(double Difference, double Low, double High, double[] BySeed);
