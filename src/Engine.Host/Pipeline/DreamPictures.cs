using Engine.Host.Reports;
using Engine.Runtime.Contract;
using Engine.Runtime.Weights;

namespace Engine.Host.Pipeline;

/// <summary>Truth beside dream, as GIFs.</summary>
public static class DreamPictures
{
    /// <summary>Writes one GIF an example into a folder and returns their paths: truth on the left, dream on the right.</summary>
    public static string[] Write(string folder, (byte[] Truth, byte[] Dream, string Instruction)[] examples, CameraSpec camera)
    {
        Directory.CreateDirectory(folder);
        return [.. examples.Select((example, i) =>
        {
            string path = Path.Combine(folder, $"{i}.gif");
            var frames = new List<byte[]>();
            for (int f = 0; f < example.Truth.Length / camera.Bytes; f++)
                frames.Add(Beside(example.Truth.AsSpan(f * camera.Bytes, camera.Bytes), example.Dream.AsSpan(f * camera.Bytes, camera.Bytes), camera));
            AtomicFile.WriteBytes(path, Gif.Encode(frames, 2 * camera.Width + Gap, camera.Height, 200, 3, 800));
            return path;
        })];
    }

    private const int Gap = 2;

    private static byte[] Beside(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, CameraSpec camera)
    {
        int line = camera.Width * 3, whole = (2 * camera.Width + Gap) * 3;
        var picture = new byte[whole * camera.Height];
        Array.Fill(picture, (byte)255);
        for (int r = 0; r < camera.Height; r++)
        {
            left.Slice(r * line, line).CopyTo(picture.AsSpan(r * whole));
            right.Slice(r * line, line).CopyTo(picture.AsSpan(r * whole + line + Gap * 3));
        }

        return picture;
    }
}
