namespace Engine.Runtime.Contract;

/// <summary>Where long work says how far it is; the program draws bars with an ETA, tests pass <see cref="SilentProgress"/>.</summary>
public interface IProgressReporter
{
    /// <summary>Begins a piece of work of <paramref name="total"/> units (<paramref name="unit"/> in the plural: steps, episodes, frames).</summary>
    IProgressTask Begin(string name, long total, string unit);

    /// <summary>One line for the user, kept above the bars.</summary>
    void Note(string message);
}

/// <summary>One piece of work in progress; disposing ends it.</summary>
public interface IProgressTask : IDisposable
{
    /// <summary>Reports <paramref name="units"/> more done; <paramref name="detail"/> replaces the short text beside the bar (a loss, a rate).</summary>
    void Advance(long units = 1, string? detail = null);
}
