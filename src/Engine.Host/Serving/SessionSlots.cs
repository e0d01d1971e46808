namespace Engine.Host.Serving;

/// <summary>Room for a number of open connections, whatever their protocol. Thread-safe.</summary>
internal sealed class SessionSlots(int most)
{
    private int _taken;

    /// <summary>Takes a place; false where none is left. Give it back with <see cref="Leave"/>.</summary>
    internal bool TryEnter()
    {
        if (Interlocked.Increment(ref _taken) <= most) return true;
        Interlocked.Decrement(ref _taken);
        return false;
    }

    internal void Leave() => Interlocked.Decrement(ref _taken);
}
