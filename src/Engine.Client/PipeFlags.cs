namespace Engine.Client;

/// <summary>Bits of a header's flags; the others are 0.</summary>
[Flags]
public enum PipeFlags : uint
{
    None = 0,

    /// <summary>The header holds the CRC-32C of the payload.</summary>
    PayloadCrc = 1,

    /// <summary>On an error: the server closes the connection after it.</summary>
    Closing = 2,

    /// <summary>On actions: the deadline had passed when the policy was done.</summary>
    Late = 4,
}
