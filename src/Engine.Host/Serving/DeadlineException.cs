namespace Engine.Host.Serving;

/// <summary>A request's deadline passed before the policy came to it.</summary>
public sealed class DeadlineException() : Exception("the deadline passed before the policy could be asked");
