namespace Engine.Host.Evaluation;

/// <summary>What <c>rollout.json</c> holds; keys in snake_case.</summary>
/// <param name="Episodes">Imagined episodes in the folder.</param>
/// <param name="Frames">Frames that were imagined for them, their first ones not counted.</param>
/// <param name="FramesPerSecond">Frames that this call imagined in a second, policy and decoding included; null where it had nothing to do.</param>
/// <param name="ImaginedSuccess">Share of episodes that the classifier ended as a success.</param>
/// <param name="Low">Lower end of its 95 % interval (Wilson).</param>
/// <param name="High">Upper end.</param>
/// <param name="Policy">Folder of the policy.</param>
/// <param name="Run">Folder of the run that dreamt.</param>
/// <param name="Data">Data directory that the dreams begin from.</param>
/// <param name="Temperature">Sampling temperature.</param>
/// <param name="Threshold">Probability above which a dream ends as a success.</param>
/// <param name="Seed">Seed of the dream's noise.</param>
public sealed record RolloutResult(
    int Episodes, long Frames, double? FramesPerSecond, double ImaginedSuccess, double Low, double High, string Policy, string Run, string Data, float Temperature, float Threshold, ulong Seed);
