using Engine.Runtime.Contract;
using Spectre.Console;

namespace Engine.Host.Progress;

/// <summary>
/// Progress on a terminal (bars with percentage, ETA, rate and detail, redrawn by Spectre.Console) or in a file or pipe (a plain line
/// per task every few seconds). Every finished task leaves one line. Safe to call from any thread; tasks may nest and overlap.
/// </summary>
public sealed class ConsoleProgress : IProgressReporter, IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<WorkState> _active = [];
    private readonly TextWriter _output;
    private readonly TimeProvider _time;
    private readonly TimeSpan _interval;
    private readonly LiveBars? _bars;

    /// <summary>Writes to <paramref name="output"/>; bars only when it is the standard error of a terminal.</summary>
    public ConsoleProgress(TextWriter output)
        : this(output, TimeProvider.System, TimeSpan.FromSeconds(5), IsTerminal(output) ? TerminalOn(output) : null)
    {
    }

    /// <summary>As above with the clock, the time between plain lines, and the terminal to draw bars on (none: plain lines).</summary>
    public ConsoleProgress(TextWriter output, TimeProvider time, TimeSpan interval, IAnsiConsole? terminal)
    {
        _output = output;
        _time = time;
        _interval = interval;
        _bars = terminal is null ? null : new LiveBars(terminal);
    }

    /// <inheritdoc />
    public IProgressTask Begin(string name, long total, string unit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(total);
        lock (_lock)
        {
            var task = new WorkState(name, total, unit, _active.Count, _time);
            _active.Add(task);
            _bars?.Add(task);
            return new Handle(this, task);
        }
    }

    /// <inheritdoc />
    public void Note(string message)
    {
        lock (_lock) WriteLine(message);
    }

    /// <summary>Takes the bars off the screen.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _active.Clear();
            _bars?.Dispose();
        }
    }

    private static bool IsTerminal(TextWriter output) =>
        ReferenceEquals(output, Console.Error) && !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    private static IAnsiConsole TerminalOn(TextWriter output) =>
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output), Interactive = InteractionSupport.Yes });

    private void WriteLine(string line)
    {
        if (_bars is null) _output.WriteLine(line);
        else _bars.WriteLine(line);
    }

    private void Advance(WorkState task, long units, string? detail)
    {
        lock (_lock)
        {
            if (!task.Advance(units, detail)) return;
            if (_bars is not null) _bars.Update(task);
            else if (task.TakeLine(_interval)) _output.WriteLine(task.Line());
        }
    }

    private void End(WorkState task)
    {
        lock (_lock)
        {
            if (!_active.Remove(task)) return;
            _bars?.Remove(task);
            WriteLine(task.LastLine());
        }
    }

    private sealed class Handle(ConsoleProgress owner, WorkState task) : IProgressTask
    {
        public void Advance(long units = 1, string? detail = null) => owner.Advance(task, units, detail);

        public void Dispose() => owner.End(task);
    }
}
