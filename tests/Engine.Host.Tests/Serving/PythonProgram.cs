using System.ComponentModel;
using System.Diagnostics;

namespace Engine.Host.Tests.Serving;

/// <summary>Runs Python where there is one with the packages that a test needs; skips the test otherwise.</summary>
internal static class PythonProgram
{
    internal static async Task<string> RunAsync(string[] packages, string program, params string[] arguments)
    {
        foreach (string python in new[] { "python3", "/usr/bin/python3" })
        {
            if (await TryAsync(python, ["-c", "import " + string.Join(", ", packages)]) is not { ExitCode: 0 }) continue;
            var run = await TryAsync(python, ["-c", program, .. arguments]);
            Assert.True(run!.Value.ExitCode == 0, run.Value.Output);
            return run.Value.Output;
        }

        Assert.Skip($"there is no python3 with {string.Join(", ", packages)}");
        return "";
    }

    private static async Task<(int ExitCode, string Output)?> TryAsync(string python, string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(python, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
            try
            {
                var output = process.StandardOutput.ReadToEndAsync(limit.Token);
                var errors = process.StandardError.ReadToEndAsync(limit.Token);
                await process.WaitForExitAsync(limit.Token);
                return (process.ExitCode, await output + await errors);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
                throw new TimeoutException("Python did not end within three minutes");
            }
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}
