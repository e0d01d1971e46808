using System.Diagnostics;
using Engine.Tests.Shared;

namespace Engine.Host.Tests.Launcher;

/// <summary>bench/cuda/go.sh with programs that only say what they were asked: what it does where something fails.</summary>
public sealed class GpuScriptTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-gpu-script-").FullName;

    public GpuScriptTests()
    {
        File.Copy(Path.Combine(Golden.Root, "bench", "cuda", "go.sh"), Path.Combine(_folder, "go.sh"));
        Program("program/Engine.Host", """
            if [[ "$1" == doctor ]]; then printf 'GPU\n  it is there\n\n'; exit 0; fi
            echo "| $2 without ${ENGINE_CUDA_WITHOUT:-nothing} |"
            """);
        Program("kernels/Engine.Kernels.Tests", "echo '   Total: 3, Failed: 0'");
        Program("runtime/Engine.Runtime.Tests", "echo '   Total: 2, Failed: 0'");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Everything_that_passes_is_in_the_report_with_its_times()
    {
        var (status, report) = await Run();
        Assert.Equal(0, status);
        Assert.Contains("- the original's generated sequences, bfloat16: Total: 2, Failed: 0", report, StringComparison.Ordinal);
        Assert.Contains("| dream without nothing |", report, StringComparison.Ordinal);
        Assert.Contains("| cuda without nothing |", report, StringComparison.Ordinal);
        Assert.DoesNotContain("not passed", report, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("warpgroups", "warpgroups")]
    [InlineData("overlap", "overlap")]
    [InlineData("overlap,warpgroups", "overlap,warpgroups")]
    public async Task What_gives_wrong_numbers_is_named_and_left_out_of_what_follows(string working, string left)
    {
        Program("runtime/Engine.Runtime.Tests", $$"""
            echo "   Total: 2, Failed: 0"
            if [[ "$2" == *Generated* && "$ENGINE_CUDA_WITHOUT" != '{{working}}' ]]; then echo "    Sequences(name: slide) [FAIL]"; exit 1; fi
            """);
        var (status, report) = await Run();
        Assert.Equal(1, status);
        Assert.Contains("- **the original's generated sequences, bfloat16: not passed** (status 1)", report, StringComparison.Ordinal);
        Assert.Contains("Sequences(name: slide) [FAIL]", report, StringComparison.Ordinal);
        Assert.Contains($"- the original's generated sequences, bfloat16, without {working}: Total: 2", report, StringComparison.Ordinal);
        Assert.Contains($"| dream without {left} |", report, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_nothing_helps_the_rest_is_tried_all_the_same()
    {
        Program("runtime/Engine.Runtime.Tests", "echo it crashed; exit 139");
        Program("program/Engine.Host", "echo '| half a table |'; echo 'engine: the frames differ' >&2; exit 1");
        var (status, report) = await Run();
        Assert.Equal(1, status);
        Assert.Contains("No variant gives the original's numbers", report, StringComparison.Ordinal);
        Assert.Contains("it crashed", report, StringComparison.Ordinal);
        Assert.Contains("- one kernel against its reference: Total: 3", report, StringComparison.Ordinal);
        Assert.Contains("| half a table |\n\n**dreams: not finished** (status 1). engine: the frames differ", report, StringComparison.Ordinal);
        Assert.Contains("s in all.", report, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_there_is_no_time_for_is_named()
    {
        var (status, report) = await Run("0");
        Assert.Equal(1, status);
        Assert.Contains("**the original's generated sequences, float32: not passed** (no time was left for it)", report, StringComparison.Ordinal);
        Assert.Contains("**kernels: not finished** (no time was left for it)", report, StringComparison.Ordinal);
    }

    private async Task<(int Status, string Report)> Run(string minutes = "10")
    {
        using var process = Process.Start(new ProcessStartInfo("bash", [Path.Combine(_folder, "go.sh"), "emulated", "", minutes]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        string report = Path.Combine(_folder, "results", "emulated.md");
        Assert.True(File.Exists(report), errors);
        return (process.ExitCode, await File.ReadAllTextAsync(report, TestContext.Current.CancellationToken));
    }

    private void Program(string name, string text)
    {
        string file = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, $"#!/usr/bin/env bash\n{text}\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
