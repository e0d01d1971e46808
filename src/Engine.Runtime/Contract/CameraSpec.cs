namespace Engine.Runtime.Contract;

/// <summary>One camera of a contract: images are u8, RGB, row-major [height, width, 3], top-left origin.</summary>
public sealed record CameraSpec(string Name, int Height, int Width)
{
    /// <summary>Bytes of one image.</summary>
    public int Bytes => Height * Width * 3;
}
