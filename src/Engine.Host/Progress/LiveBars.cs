using System.Diagnostics;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Engine.Host.Progress;

/// <summary>
/// The bars at the bottom of a terminal, one per running task; Spectre.Console draws them as long as there are any.
/// Calls come one at a time (its owner locks).
/// </summary>
internal sealed class LiveBars(IAnsiConsole terminal) : IDisposable
{
    // The screen is drawn ten times a second; more updates than twice that are only work.
    private static readonly TimeSpan UpdateInterval = TimeSpan.FromMilliseconds(50);

    private readonly Dictionary<WorkState, ProgressTask> _tasks = [];
    private readonly Dictionary<WorkState, long> _updated = [];
    private ProgressContext? _context;
    private TaskCompletionSource? _empty;
    private Task? _display;

    public void Add(WorkState task)
    {
        if (_context is null) Start();
        var bar = _context!.AddTask(Markup.Escape(new string(' ', 2 * task.Depth) + task.Name), maxValue: Math.Max(1, task.Total));
        bar.IsIndeterminate = task.Total == 0;
        _tasks[task] = bar;
    }

    public void Update(WorkState task)
    {
        if (!_tasks.TryGetValue(task, out var bar)) return;
        if (_updated.TryGetValue(task, out long last) && Stopwatch.GetElapsedTime(last) < UpdateInterval) return;
        _updated[task] = Stopwatch.GetTimestamp();
        // A bar at its maximum would be drawn as finished and its clock stopped; the task's end removes it.
        bar.Value = Math.Min(task.Done, task.Total - 1e-6 * task.Total);
        string eta = task.Eta is { } left ? "ETA " + WorkState.Duration(left) : "";
        string facts = string.Join("  ", new[] { eta, task.RateText(), task.Detail }.Where(part => part.Length > 0));
        bar.State.Update<Facts>(FactsColumn.Key, _ => new Facts(facts));
    }

    public void Remove(WorkState task)
    {
        if (!_tasks.Remove(task, out var bar)) return;
        _updated.Remove(task);
        if (_tasks.Count == 0) Stop();
        else bar.StopTask();
    }

    public void WriteLine(string line) => terminal.WriteLine(line);

    public void Dispose()
    {
        _tasks.Clear();
        Stop();
    }

    private void Start()
    {
        var ready = new TaskCompletionSource<ProgressContext>(TaskCreationOptions.RunContinuationsAsynchronously);
        _empty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var empty = _empty.Task;
        // The display lives as long as this callback; a thread of its own, so that busy pool threads do not hold it up.
        _display = Task.Factory.StartNew(
            () => terminal.Progress()
                .AutoClear(true)
                .HideCompleted(true)
                .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn { Width = 30 }, new PercentageColumn(), new FactsColumn())
                .Start(context =>
                {
                    ready.SetResult(context);
                    empty.Wait();
                }),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        _context = ready.Task.GetAwaiter().GetResult();
    }

    private void Stop()
    {
        if (_context is null) return;
        _empty!.SetResult();
        _display!.GetAwaiter().GetResult();
        _context = null;
    }

    private readonly record struct Facts(string Text);

    private sealed class FactsColumn : ProgressColumn
    {
        public const string Key = "facts";

        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(task.State.Get<Facts>(Key).Text ?? "").Overflow(Overflow.Ellipsis);
    }
}
