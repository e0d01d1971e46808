namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>
/// Temporal ensembling of action chunks (ACT, arXiv 2304.13705, as INT-ACT runs it): the action for now is the weighted mean of what each of the
/// last chunks predicted for it, with weights <c>exp(−m·k)</c>, k = 0 for the oldest. Not thread-safe.
/// </summary>
public sealed class TemporalEnsemble
{
    private readonly Queue<double[]> _history = new();
    private readonly double[] _weights;

    /// <summary>
    /// An ensemble of the last <paramref name="horizon"/> chunks of <paramref name="chunkLength"/> actions of <paramref name="width"/> numbers;
    /// <paramref name="temperature"/> is m: negative favours new chunks, 0 weighs all alike.
    /// </summary>
    /// <exception cref="ArgumentException">A chunk is shorter than the horizon (and longer than 1), so that old chunks say nothing about now.</exception>
    public TemporalEnsemble(int horizon, int chunkLength, int width, double temperature)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(horizon, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(chunkLength, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (chunkLength != 1 && chunkLength < horizon)
        {
            throw new ArgumentException(
                $"chunks of {chunkLength} actions cannot be kept for {horizon} steps; expected at least {horizon}, or 1", nameof(chunkLength));
        }

        Horizon = horizon;
        ChunkLength = chunkLength;
        Width = width;
        _weights = new double[horizon];
        for (int k = 0; k < horizon; k++) _weights[k] = Math.Exp(-temperature * k);
    }

    /// <summary>Chunks that are kept.</summary>
    public int Horizon { get; }

    /// <summary>Actions in a chunk; with 1 the kept actions themselves are averaged.</summary>
    public int ChunkLength { get; }

    /// <summary>Numbers in an action.</summary>
    public int Width { get; }

    /// <summary>Begins an episode.</summary>
    public void Reset() => _history.Clear();

    /// <summary>Adds the chunk [ChunkLength, Width] predicted at this step and gives the action [Width] for now.</summary>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public void Step(ReadOnlySpan<double> chunk, Span<double> action)
    {
        if (chunk.Length != ChunkLength * Width)
            throw new ArgumentException($"the chunk has {chunk.Length} numbers, expected {ChunkLength}·{Width}", nameof(chunk));
        if (action.Length != Width) throw new ArgumentException($"the action has {action.Length} numbers, expected {Width}", nameof(action));
        double[] kept = _history.Count == Horizon ? _history.Dequeue() : new double[chunk.Length];
        chunk.CopyTo(kept);
        _history.Enqueue(kept);

        action.Clear();
        double total = 0;
        int age = _history.Count, k = 0;
        foreach (double[] old in _history)
        {
            age--;
            int row = ChunkLength == 1 ? 0 : age;
            for (int i = 0; i < Width; i++) action[i] += _weights[k] * old[row * Width + i];
            total += _weights[k++];
        }

        for (int i = 0; i < Width; i++) action[i] /= total;
    }
}
