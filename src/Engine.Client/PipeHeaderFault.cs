namespace Engine.Client;

/// <summary>What is wrong with 64 bytes that should be a header.</summary>
public enum PipeHeaderFault
{
    None,

    /// <summary>They do not begin with <c>ENGP</c>.</summary>
    Magic,

    /// <summary>The CRC-32C of the first 60 bytes is not the last four.</summary>
    Crc,

    /// <summary>A version that this program does not speak.</summary>
    Version,

    /// <summary>A kind or flag that does not exist.</summary>
    Field,
}
