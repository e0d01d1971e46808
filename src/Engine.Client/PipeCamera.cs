namespace Engine.Client;

/// <summary>One camera of an observation record: u8 RGB, row-major [height, width, 3], top-left origin.</summary>
/// <param name="Name">Name in the contract, at most 48 bytes of UTF-8.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
/// <param name="Offset">Where the image begins in the record (bytes).</param>
public sealed record PipeCamera(string Name, int Height, int Width, int Offset)
{
    /// <summary>Bytes of the image.</summary>
    public int Bytes => Height * Width * 3;
}
