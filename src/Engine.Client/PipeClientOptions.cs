namespace Engine.Client;

/// <summary>How a client connects.</summary>
public sealed record PipeClientOptions
{
    /// <summary>The server's token, where it has one (TCP only).</summary>
    public string? Token { get; init; }

    /// <summary>Exchange records through shared memory instead of the socket; Unix-domain sockets of Linux only.</summary>
    public bool SharedMemory { get; init; }

    /// <summary>With shared memory: how long both sides spin for the other before they sleep (µs, 0 … 100 000). 0 sleeps at once; spinning is faster and costs a core a side.</summary>
    public int SpinMicroseconds { get; init; }

    /// <summary>Send a checksum of every payload too, which the server checks.</summary>
    public bool PayloadCrc { get; init; }

    /// <summary>How long an answer may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);
}
