using System.Diagnostics;
using System.Globalization;
using Engine.Kernels.Interop;

namespace Engine.Host.Realtime;

/// <summary>The native process <c>engine-tick</c>: it ticks on, holds and stops the arm safely, however this program ends.</summary>
public sealed class TickProcess : IDisposable
{
    internal const string Program = "engine-tick";
    private static readonly TimeSpan s_start = TimeSpan.FromSeconds(30);

    private readonly Process _process;

    private TickProcess(Process process, string ready) => (_process, Ready) = (process, ready);

    /// <summary>Its first line: ring, process, rate, whether scheduler and memory are as wanted.</summary>
    public string Ready { get; }

    /// <summary>Whether it still ticks.</summary>
    public bool IsAlive => !_process.HasExited;

    /// <summary>What this machine permits, as <c>engine-tick --check</c> finds by trying.</summary>
    /// <exception cref="FileNotFoundException">The program was not built.</exception>
    public static string Permissions()
    {
        using var process = Launch(["--check"]);
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return said.Trim();
    }

    /// <summary>Starts it and waits until its ring is there.</summary>
    /// <param name="ring">Path of the ring, best under /dev/shm.</param>
    /// <param name="settings">What it allows.</param>
    /// <param name="priority">SCHED_FIFO priority, 1 to 99; 0 for the ordinary scheduler.</param>
    /// <param name="linger">It ends this many seconds after everything has stopped and no writer is there; 0: only by SIGTERM.</param>
    /// <exception cref="FileNotFoundException">The program was not built.</exception>
    /// <exception cref="InvalidOperationException">It refused; the message is its own.</exception>
    public static async Task<TickProcess> StartAsync(string ring, TickSettings settings, int priority = 40, int linger = 0)
    {
        var process = Launch(settings.ToArguments(ring, priority, linger));
        var errors = process.StandardError.ReadToEndAsync();
        try
        {
            string? line = await process.StandardOutput.ReadLineAsync().WaitAsync(s_start).ConfigureAwait(false);
            if (line is not null) return new TickProcess(process, line);
            await process.WaitForExitAsync().WaitAsync(s_start).ConfigureAwait(false);
            throw new InvalidOperationException((await errors.ConfigureAwait(false)).Trim());
        }
        catch
        {
            process.Dispose();
            throw;
        }
    }

    /// <summary>Sends SIGTERM: it ramps to the safe stop and ends. Gives its exit code.</summary>
    public async Task<int> EndAsync()
    {
        if (!_process.HasExited)
        {
            using var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
            await kill.WaitForExitAsync().ConfigureAwait(false);
        }

        await _process.WaitForExitAsync().ConfigureAwait(false);
        return _process.ExitCode;
    }

    /// <summary>Lets go of it; it ticks on.</summary>
    public void Dispose() => _process.Dispose();

    private static Process Launch(IEnumerable<string> arguments)
    {
        string library = NativeLibraryLocator.Find("eng_realtime"), program = Path.Combine(Path.GetDirectoryName(library)!, Program);
        if (!File.Exists(program)) throw new FileNotFoundException($"{program} is missing beside the library; ./engine setup builds it.", program);
        return Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
    }
}
