namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>
/// Temporal ensembling of action chunks (ACT, arXiv 2304.13705, as INT-ACT runs it): the action for now is the weighted mean of what each of the
/// last chunks predicted for it, with weights <c>exp(−m·k)</c>, k = 0 for the oldest. Not thread-safe.
/// </summary>
public sealed class TemporalEnsemble
{
    private readonly Queue<Chunk> _history = new();
    private readonly double[] _weights;

    /// <summary>
    /// An ensemble of the last <paramref name="horizon"/> chunks of <paramref name="chunkLength"/> actions of <paramref name="width"/> numbers;
    /// <paramref name="temperature"/> is m: negative favours new chunks, 0 weighs all alike. A new chunk comes every <paramref name="stride"/> steps.
    /// </summary>
    /// <exception cref="ArgumentException">A chunk is too short (and longer than 1), so that the oldest says nothing about now.</exception>
    public TemporalEnsemble(int horizon, int chunkLength, int width, double temperature, int stride = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(horizon, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(chunkLength, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, 1);
        long needed = (horizon - 1L) * stride + 1;
        if (chunkLength != 1 && chunkLength < needed)
        {
            throw new ArgumentException(
                $"chunks of {chunkLength} actions cannot be kept for {needed} steps; expected at least {needed}, or 1", nameof(chunkLength));
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

    /// <summary>Adds the chunk [ChunkLength, Width] predicted at this step, gives the action [Width] for now, and goes on to the next step.</summary>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public void Step(ReadOnlySpan<double> chunk, Span<double> action)
    {
        if (action.Length != Width) throw new ArgumentException($"the action has {action.Length} numbers, expected {Width}", nameof(action));
        Add(chunk);
        Read(action);
        Advance(1);
    }

    /// <summary>Adds the chunk [ChunkLength, Width] predicted at this step; the oldest goes where there are more than the horizon.</summary>
    /// <exception cref="ArgumentException">Its length is wrong.</exception>
    public void Add(ReadOnlySpan<double> chunk)
    {
        if (chunk.Length != ChunkLength * Width)
            throw new ArgumentException($"the chunk has {chunk.Length} numbers, expected {ChunkLength}·{Width}", nameof(chunk));
        Chunk kept = _history.Count == Horizon ? _history.Dequeue() : new Chunk(new double[chunk.Length]);
        chunk.CopyTo(kept.Actions);
        kept.Age = 0;
        _history.Enqueue(kept);
    }

    /// <summary>
    /// The actions [n, Width] for now and the n − 1 steps after it, each the mean of the kept chunks that reach so far.
    /// </summary>
    /// <exception cref="ArgumentException">A length is wrong, or no chunk reaches so far.</exception>
    public void Read(Span<double> actions)
    {
        if (actions.Length == 0 || actions.Length % Width != 0) throw new ArgumentException($"{actions.Length} numbers are no actions of {Width}", nameof(actions));
        for (int ahead = 0; ahead < actions.Length / Width; ahead++)
        {
            Span<double> action = actions.Slice(ahead * Width, Width);
            action.Clear();
            double total = 0;
            int k = 0;
            foreach (Chunk old in _history)
            {
                int row = ChunkLength == 1 ? 0 : old.Age + ahead;
                if (row >= ChunkLength) continue;
                for (int i = 0; i < Width; i++) action[i] += _weights[k] * old.Actions[row * Width + i];
                total += _weights[k++];
            }

            if (k == 0) throw new ArgumentException($"no chunk says anything about the step {ahead} after now", nameof(actions));
            for (int i = 0; i < Width; i++) action[i] /= total;
        }
    }

    /// <summary>Goes on by a number of control steps.</summary>
    public void Advance(int steps)
    {
        foreach (Chunk old in _history) old.Age += steps;
    }

    /// <summary>A kept chunk and how many steps ago it was predicted.</summary>
    private sealed class Chunk(double[] actions)
    {
        internal double[] Actions => actions;

        internal int Age { get; set; }
    }
}
