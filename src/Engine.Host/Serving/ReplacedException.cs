namespace Engine.Host.Serving;

/// <summary>A newer observation of the same session took a request's place before the policy came to it.</summary>
public sealed class ReplacedException() : Exception("replaced by a newer observation before the policy was asked");
