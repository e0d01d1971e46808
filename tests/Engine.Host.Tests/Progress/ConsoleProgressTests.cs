using Engine.Host.Progress;
using Spectre.Console;

namespace Engine.Host.Tests.Progress;

public class ConsoleProgressTests
{
    private readonly ManualTime _time = new();
    private readonly StringWriter _output = new();

    [Fact]
    public void Plain_lines_come_every_interval_and_one_at_the_end()
    {
        using var progress = Plain();
        using (var task = progress.Begin("train VAE", 100, "steps"))
        {
            for (int i = 0; i < 100; i++)
            {
                _time.Move(0.2);
                task.Advance(1, $"loss {i}");
            }
        }

        // 20 s of work, a line at 5, 10, 15 and 20 s.
        string[] lines = Lines();
        Assert.Equal(5, lines.Length);
        Assert.Equal("train VAE   25%  25/100 steps  ETA 15 s  5.00 steps/s  loss 24", lines[0]);
        Assert.Equal("train VAE  100%  100/100 steps  ETA 0.0 s  5.00 steps/s  loss 99", lines[3]);
        Assert.Equal("train VAE  100 steps in 20 s  loss 99", lines[4]);
    }

    [Fact]
    public void Work_that_stops_early_says_so()
    {
        using var progress = Plain();
        using (var task = progress.Begin("collect", 10, "episodes")) task.Advance(4);
        Assert.Equal("collect  stopped at 4/10 episodes in 0.0 s", Assert.Single(Lines()));
    }

    [Fact]
    public void The_eta_follows_the_recent_rate_not_the_slow_start()
    {
        using var progress = Plain();
        using var task = progress.Begin("train", 200, "steps");
        _time.Move(60);
        task.Advance(1); // compiling took a minute
        for (int i = 0; i < 99; i++)
        {
            _time.Move(1);
            task.Advance(1);
        }

        Assert.Contains("48%", Lines()[^1], StringComparison.Ordinal);
        Assert.Contains("ETA 1:44", Lines()[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Nested_tasks_are_indented_and_notes_stand_between()
    {
        using var progress = Plain();
        using (var outer = progress.Begin("loop", 2, "rounds"))
        {
            using (var inner = progress.Begin("round", 3, "steps")) inner.Advance(3);
            progress.Note("round 1 done");
            outer.Advance(2);
        }

        Assert.Equal(["  round  3 steps in 0.0 s", "round 1 done", "loop  2 rounds in 0.0 s"], Lines());
    }

    [Fact]
    public void Work_of_unknown_length_counts()
    {
        using var progress = Plain();
        using var task = progress.Begin("serve", 0, "requests");
        _time.Move(6);
        task.Advance(60);
        Assert.Equal("serve  60 requests  10.0 requests/s", Assert.Single(Lines()));
    }

    [Fact]
    public void Threads_may_all_report_at_once()
    {
        using var progress = Plain();
        using (var task = progress.Begin("work", 4000, "units"))
        {
            Parallel.For(0, 4, _ =>
            {
                for (int i = 0; i < 1000; i++) task.Advance();
            });
        }

        Assert.Equal("work  4000 units in 0.0 s", Assert.Single(Lines()));
    }

    [Fact]
    public void A_terminal_gets_bars_and_keeps_the_last_line()
    {
        var screen = new Screen();
        var terminal = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            Interactive = InteractionSupport.Yes,
            Out = new AnsiConsoleOutput(screen),
        });
        terminal.Profile.Width = 120;
        using (var progress = new ConsoleProgress(screen, TimeProvider.System, TimeSpan.FromSeconds(5), terminal))
        {
            using (var task = progress.Begin("train [VAE]", 10, "steps"))
            {
                task.Advance(5, "loss 0.5");
                screen.WaitFor("loss 0.5");
                screen.WaitFor("ETA");
                progress.Note("half way");
                screen.WaitFor("half way");
                task.Advance(5, "loss 0.25");
            }

            using (var again = progress.Begin("second", 1, "steps")) again.Advance();
        }

        Assert.Matches(@"train \[VAE\]  10 steps in .*loss 0\.25", screen.ToString());
        Assert.Contains("second  1 steps in", screen.ToString(), StringComparison.Ordinal);
    }

    private ConsoleProgress Plain() => new(_output, _time, TimeSpan.FromSeconds(5), null);

    private string[] Lines() => _output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>A screen that one thread may read while another draws.</summary>
    private sealed class Screen : StringWriter
    {
        private readonly Lock _gate = new();

        public override void Write(char value)
        {
            lock (_gate) base.Write(value);
        }

        public override void Write(string? value)
        {
            lock (_gate) base.Write(value);
        }

        public override void Write(char[] buffer, int index, int count)
        {
            lock (_gate) base.Write(buffer, index, count);
        }

        public override string ToString()
        {
            lock (_gate) return base.ToString();
        }

        public void WaitFor(string text) =>
            Assert.True(SpinWait.SpinUntil(() => ToString().Contains(text, StringComparison.Ordinal), TimeSpan.FromSeconds(60)), $"'{text}' was not drawn");
    }
}
