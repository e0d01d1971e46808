namespace Engine.Runtime.Contract;

/// <summary>Reports to nobody.</summary>
public sealed class SilentProgress : IProgressReporter, IProgressTask
{
    public static SilentProgress Instance { get; } = new();

    public IProgressTask Begin(string name, long total, string unit) => this;

    public void Note(string message)
    {
    }

    public void Advance(long units = 1, string? detail = null)
    {
    }

    public void Dispose()
    {
    }
}
