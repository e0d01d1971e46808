using System.Diagnostics;
using Engine.Runtime.Datasets;
using Engine.Runtime.Tests.Weights;

namespace Engine.Runtime.Tests.Datasets;

public sealed class FrameDecoderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("jpg", "jpeg", 6)]
    [InlineData("png", "png", 0)]
    public void Images_come_back_in_order(string extension, string format, int tolerance)
    {
        string[] colours = ["red", "lime", "blue", "white", "black"];
        byte[][] expected = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]];
        var images = colours.Select(c =>
        {
            Make($"color={c}:size=32x24,format=rgb24", _folder.File($"{c}.{extension}"), "-frames:v", "1");
            return (ReadOnlyMemory<byte>)File.ReadAllBytes(_folder.File($"{c}.{extension}"));
        }).ToArray();

        byte[] pixels = new FrameDecoder().DecodeImages(images, format, "colours", 12, 16);

        Assert.Equal(5 * 12 * 16 * 3, pixels.Length);
        for (int i = 0; i < pixels.Length; i++) Assert.InRange(Math.Abs(pixels[i] - expected[i / (12 * 16 * 3)][i % 3]), 0, tolerance);
    }

    [Fact]
    public void Rows_run_from_top_to_bottom()
    {
        // Red above, blue below.
        Make("color=red:size=16x8,format=rgb24[a];color=blue:size=16x8,format=rgb24[b];[a][b]vstack", _folder.File("two.png"), "-frames:v", "1");
        byte[] pixels = new FrameDecoder().DecodeImages([File.ReadAllBytes(_folder.File("two.png"))], "png", "two", 16, 16);
        Assert.Equal([255, 0, 0], pixels[..3]);
        Assert.Equal([0, 0, 255], pixels[^3..]);
    }

    [Fact]
    public void A_video_must_have_the_expected_frames()
    {
        string clip = _folder.File("clip.mp4");
        Make("testsrc=size=32x32:rate=5", clip, "-frames:v", "7");
        var decoder = new FrameDecoder();
        Assert.Equal(7 * 16 * 16 * 3, decoder.DecodeVideo(clip, 7, 16, 16).Length);
        Assert.Contains("7 of 8", Assert.Throws<InvalidDataException>(() => decoder.DecodeVideo(clip, 8, 16, 16)).Message, StringComparison.Ordinal);
        Assert.Contains("more than", Assert.Throws<InvalidDataException>(() => decoder.DecodeVideo(clip, 6, 16, 16)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_corrupt_file_is_named()
    {
        Skip();
        File.WriteAllText(_folder.File("bad.mp4"), "no video");
        var error = Assert.Throws<InvalidDataException>(() => new FrameDecoder().DecodeVideo(_folder.File("bad.mp4"), 1, 8, 8));
        Assert.Contains("bad.mp4", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<InvalidDataException>(() => new FrameDecoder().DecodeImages([new byte[100]], "jpeg", "record 7", 8, 8));
        Assert.StartsWith("record 7", error.Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => new FrameDecoder().DecodeVideo(_folder.File("none.mp4"), 1, 8, 8));
    }

    [Fact]
    public void A_missing_program_says_how_to_get_it()
    {
        File.WriteAllText(_folder.File("x.mp4"), "");
        var error = Assert.Throws<InvalidOperationException>(
            () => new FrameDecoder("no-such-ffmpeg").DecodeVideo(_folder.File("x.mp4"), 1, 8, 8));
        Assert.Contains("no-such-ffmpeg", error.Message, StringComparison.Ordinal);
        Assert.Contains("apt install ffmpeg", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Work_can_be_cancelled()
    {
        string clip = _folder.File("clip.mp4");
        Make("testsrc=size=32x32:rate=5", clip, "-frames:v", "7");
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => new FrameDecoder().DecodeVideo(clip, 7, 16, 16, source.Token));
    }

    /// <summary>Skips a test where there is no ffmpeg.</summary>
    internal static void Skip()
    {
        bool present = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(f => File.Exists(Path.Combine(f, "ffmpeg")));
        if (!present) Assert.Skip("ffmpeg is not installed");
    }

    private static void Make(string source, string path, params string[] options)
    {
        Skip();
        string[] arguments = ["-v", "error", "-f", "lavfi", "-i", source, .. options, "-y", path];
        using Process process = Process.Start("ffmpeg", arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
