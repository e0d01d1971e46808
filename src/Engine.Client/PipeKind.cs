namespace Engine.Client;

/// <summary>What a frame is.</summary>
public enum PipeKind : ushort
{
    /// <summary>Client, first frame: what it wants, and the token.</summary>
    Hello = 1,

    /// <summary>Server, answer to the hello: layouts and contract.</summary>
    Welcome = 2,

    /// <summary>Client: an observation record.</summary>
    Observe = 3,

    /// <summary>Server: an actions record.</summary>
    Actions = 4,

    /// <summary>Client: a new episode begins; the server sends the same kind back. No payload.</summary>
    Reset = 5,

    /// <summary>Server: a <see cref="PipeErrorCode"/> in the header and one sentence of UTF-8.</summary>
    Error = 6,

    /// <summary>Client: are you there? No payload.</summary>
    Ping = 7,

    /// <summary>Server: yes; its clock stands in the header.</summary>
    Pong = 8,

    /// <summary>Either side: goodbye. No payload.</summary>
    Bye = 9,
}
