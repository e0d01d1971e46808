namespace Engine.Host.Serving.Recording;

/// <summary>Where a server records, and what it says of the policy.</summary>
/// <param name="Directory">A new folder, or one that holds a recording of the same policy.</param>
/// <param name="Policy">The policy's name, or its folder.</param>
/// <param name="PolicySha256">SHA-256 of its graph; empty for a built-in policy.</param>
public sealed record RecordingOptions(string Directory, string Policy, string PolicySha256);
