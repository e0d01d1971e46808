using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Engine.Runtime.Datasets;

/// <summary>
/// Decodes videos and still images with the program <c>ffmpeg</c>, scaled to one size, u8 RGB. The program is found on the path, or named by
/// the environment variable <c>ENGINE_FFMPEG</c>. Thread-safe.
/// </summary>
public sealed class FrameDecoder
{
    private const int MaxErrorText = 4096;

    private readonly string _program;

    /// <summary>A decoder that runs <paramref name="program"/>, or the usual one when null.</summary>
    public FrameDecoder(string? program = null) =>
        _program = program ?? (Environment.GetEnvironmentVariable("ENGINE_FFMPEG") is { Length: > 0 } named ? named : "ffmpeg");

    /// <summary>All frames of a video, [frames, height, width, 3].</summary>
    /// <exception cref="FileNotFoundException">There is no such video.</exception>
    /// <exception cref="InvalidOperationException">ffmpeg is not installed; the message says how to get it.</exception>
    /// <exception cref="InvalidDataException">The video is corrupt or has another number of frames; the message names it.</exception>
    public byte[] DecodeVideo(string path, int frames, int height, int width, CancellationToken cancellation = default)
    {
        string full = Path.GetFullPath(path);
        if (!File.Exists(full)) throw new FileNotFoundException($"{full}: there is no such video", full);
        return Run(["-protocol_whitelist", "file", "-i", "file:" + full], [], full, frames, height, width, cancellation);
    }

    /// <summary>Still images, all in the same format, [images, height, width, 3].</summary>
    /// <param name="images">Encoded images.</param>
    /// <param name="format"><c>jpeg</c> or <c>png</c>.</param>
    /// <param name="name">What the images are, for messages.</param>
    /// <param name="height">Rows (pixels).</param>
    /// <param name="width">Columns (pixels).</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ArgumentException">The format is neither.</exception>
    /// <exception cref="InvalidOperationException">ffmpeg is not installed; the message says how to get it.</exception>
    /// <exception cref="InvalidDataException">An image is corrupt; the message begins with <paramref name="name"/>.</exception>
    public byte[] DecodeImages(
        IReadOnlyList<ReadOnlyMemory<byte>> images, string format, string name, int height, int width, CancellationToken cancellation = default)
    {
        string codec = format switch
        {
            "jpeg" => "mjpeg",
            "png" => "png",
            _ => throw new ArgumentException($"'{format}' is no image format that can be read; expected jpeg or png", nameof(format)),
        };
        return Run(
            ["-protocol_whitelist", "pipe", "-f", "image2pipe", "-c:v", codec, "-i", "pipe:0"], images, name, images.Count, height, width, cancellation);
    }

    private byte[] Run(
        string[] input, IReadOnlyList<ReadOnlyMemory<byte>> images, string name, int frames, int height, int width, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(frames);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        long bytes = (long)frames * height * width * 3;
        if (bytes > Array.MaxLength) throw new InvalidDataException($"{name}: {frames} frames of {height}×{width} pixels are more than 2 GiB");

        string scale = string.Create(CultureInfo.InvariantCulture, $"scale={width}:{height}:flags=bicubic+accurate_rnd+full_chroma_int+bitexact");
        var start = new ProcessStartInfo(_program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        string[] arguments =
        [
            "-v", "error", "-threads", "1", .. input, "-map", "0:v:0", "-fps_mode", "passthrough", "-vf", scale,
            "-threads", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1",
        ];
        foreach (string argument in arguments) start.ArgumentList.Add(argument);

        using Process process = Start(start);
        using CancellationTokenRegistration stop = cancellation.Register(() => Kill(process));
        try
        {
            Task writing = Task.Run(() => Feed(process, images), CancellationToken.None);
            Task<string> errors = Task.Run(() => ReadErrors(process), CancellationToken.None);
            byte[] pixels = GC.AllocateUninitializedArray<byte>((int)bytes);
            Stream output = process.StandardOutput.BaseStream;
            int got = output.ReadAtLeast(pixels, pixels.Length, throwOnEndOfStream: false);
            bool more = got == pixels.Length && output.ReadByte() >= 0;
            if (more) Kill(process);
            process.WaitForExit();
            writing.Wait(CancellationToken.None);
            cancellation.ThrowIfCancellationRequested();
            string said = errors.Result.Trim();
            if (more) throw new InvalidDataException($"{name}: it has more than the expected {frames} frames");
            if (got != pixels.Length || process.ExitCode != 0)
            {
                throw new InvalidDataException($"{name}: {got / (height * width * 3)} of {frames} frames could be decoded"
                    + (said.Length > 0 ? $" (ffmpeg: {said.ReplaceLineEndings("; ")})" : ""));
            }

            return pixels;
        }
        finally
        {
            Kill(process);
        }
    }

    private static void Feed(Process process, IReadOnlyList<ReadOnlyMemory<byte>> images)
    {
        try
        {
            using Stream input = process.StandardInput.BaseStream;
            foreach (ReadOnlyMemory<byte> image in images) input.Write(image.Span);
        }
        catch (IOException)
        {
            // The program closed its input early; its exit code and the missing frames say why.
        }
    }

    private static string ReadErrors(Process process)
    {
        var buffer = new char[MaxErrorText];
        int count = process.StandardError.ReadBlock(buffer, 0, buffer.Length);
        while (process.StandardError.Read() >= 0)
        {
        }

        return new string(buffer, 0, count);
    }

    private static void Kill(Process process)
    {
        try
        {
            if (!process.HasExited) process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has just exited by itself.
        }
    }

    private Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new InvalidOperationException(
                $"the program '{_program}' could not be started ({error.Message}); install ffmpeg (Debian, Ubuntu: apt install ffmpeg) "
                + "or name it in the environment variable ENGINE_FFMPEG", error);
        }
    }
}
