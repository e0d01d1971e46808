namespace Engine.Client;

/// <summary>Why the server refuses; stands in the header of an error frame. Whether it closes as well is <see cref="PipeFlags.Closing"/>.</summary>
public enum PipeErrorCode : uint
{
    None = 0,

    /// <summary>The frame is damaged: magic, CRC, reserved bits, length of the payload. Closes, except for the CRC of a payload.</summary>
    Malformed = 1,

    /// <summary>The server speaks another version. Closes.</summary>
    Version = 2,

    /// <summary>The token is missing or wrong, or the client is on another machine and the server has no token. Closes.</summary>
    Unauthorised = 3,

    /// <summary>The payload is longer than any that the contract allows. Closes.</summary>
    TooLarge = 4,

    /// <summary>A frame of a kind that is not due: a second hello, anything else before the first, a request beside the ring.</summary>
    Unexpected = 5,

    /// <summary>The sequence is not higher than the one before it: a replay, or stale.</summary>
    Sequence = 6,

    /// <summary>The deadline had passed before the policy was asked.</summary>
    Deadline = 7,

    /// <summary>The observation does not fit the contract.</summary>
    Observation = 8,

    /// <summary>The policy failed, or gave numbers that are not finite.</summary>
    Policy = 9,

    /// <summary>Too many sessions, or the server shuts down. Closes.</summary>
    Unavailable = 10,

    /// <summary>The frame carries the number of another session.</summary>
    Session = 11,

    /// <summary>The frame, or the hello, took too long. Closes.</summary>
    Timeout = 12,

    /// <summary>Shared memory: the record lies outside the ring, or changed while it was read.</summary>
    Torn = 13,

    /// <summary>A newer observation of the same session came before the policy was asked; that one is answered next.</summary>
    Replaced = 14,
}
