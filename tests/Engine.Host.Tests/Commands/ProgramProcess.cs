using System.Collections.Concurrent;
using System.Diagnostics;

namespace Engine.Host.Tests.Commands;

/// <summary>The real program in a process of its own.</summary>
internal sealed class ProgramProcess : IDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _errorLines = [];
    private readonly Task _errorEnd;

    public ProgramProcess(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", Path.Combine(AppContext.BaseDirectory, "Engine.Host.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = Process.Start(start)!;
        _errorEnd = ReadErrorsAsync();
    }

    /// <summary>The next line of standard output; null at its end.</summary>
    public Task<string?> ReadLineAsync() => _process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(120));

    /// <summary>Sends a signal, e.g. <c>INT</c>.</summary>
    public void Signal(string name)
    {
        using var kill = Process.Start("kill", ["-" + name, _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Waits for the end; gives the exit code and standard error.</summary>
    public async Task<(int Status, string Error)> EndAsync()
    {
        var rest = _process.StandardOutput.ReadToEndAsync();
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(120));
        await rest;
        await _errorEnd;
        return (_process.ExitCode, string.Join('\n', _errorLines));
    }

    /// <summary>Waits until this stands on standard error.</summary>
    public async Task WaitForErrorAsync(string text)
    {
        for (int i = 0; !_errorLines.Any(line => line.Contains(text, StringComparison.Ordinal)); i++)
        {
            Assert.True(i < 2400 && !_process.HasExited, $"the program did not say '{text}' but: {string.Join('\n', _errorLines)}");
            await Task.Delay(50);
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }

    private async Task ReadErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line) _errorLines.Enqueue(line);
    }
}
