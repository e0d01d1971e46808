using System.Diagnostics;

namespace Engine.Host.Tests.Reports;

/// <summary>Decodes pictures with FFmpeg, a reader that is not ours; skips where it is not installed.</summary>
internal static class Ffmpeg
{
    /// <summary>All frames of a picture file, u8 RGB, one after the other.</summary>
    public static byte[] Decode(byte[] file, string format)
    {
        string path = Path.Combine(Path.GetTempPath(), $"engine-test-{Guid.NewGuid():N}.{format}");
        File.WriteAllBytes(path, file);
        try
        {
            var start = new ProcessStartInfo("ffmpeg", ["-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-fps_mode", "passthrough", "-"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            using var frames = new MemoryStream();
            process.StandardOutput.BaseStream.CopyTo(frames);
            process.WaitForExit();
            Assert.Equal("", errors.Result);
            return frames.ToArray();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("ffmpeg is not installed");
            return [];
        }
        finally
        {
            File.Delete(path);
        }
    }
}
