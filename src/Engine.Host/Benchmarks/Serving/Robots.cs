using System.Diagnostics;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>Clients that ask at a fixed rate, one thread each, their turns spread over the period. None asks before all have connected.</summary>
internal sealed class Robots : IDisposable
{
    private readonly CancellationTokenSource _end;
    private readonly List<Thread> _threads = [];
    private readonly Lock _gate = new();
    private readonly CountdownEvent _connecting = new(1);
    private readonly ManualResetEventSlim _begin = new();
    private long _begun;
    private Exception? _failure;

    public Robots(CancellationToken cancellation) => _end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);

    /// <summary>Starts a client.</summary>
    /// <param name="rate">Requests a second; 0 for one after another.</param>
    /// <param name="phase">Part of the period that it starts late, 0 to 1.</param>
    /// <param name="connect">Connects on the client's thread; gives what asks once and, at the end, what closes.</param>
    public void Start(double rate, double phase, Func<(Action Ask, Action Close)> connect)
    {
        var thread = new Thread(() => Run(rate, phase, connect)) { IsBackground = true };
        _threads.Add(thread);
        _connecting.AddCount();
        thread.Start();
    }

    /// <summary>Lets them ask for a while, then waits for their last answers.</summary>
    /// <exception cref="InvalidOperationException">One of them failed.</exception>
    public void RunFor(TimeSpan time)
    {
        _connecting.Signal();
        _connecting.Wait();
        _begun = Stopwatch.GetTimestamp();
        _begin.Set();
        _end.Token.WaitHandle.WaitOne(time);
        _end.Cancel();
        foreach (var thread in _threads) thread.Join();
        if (_failure is not null) throw new InvalidOperationException($"a client failed: {_failure.Message}", _failure);
    }

    public void Dispose()
    {
        _end.Dispose();
        _connecting.Dispose();
        _begin.Dispose();
    }

    private void Run(double rate, double phase, Func<(Action Ask, Action Close)> connect)
    {
        Action ask, close;
        try
        {
            (ask, close) = connect();
        }
        catch (Exception error)
        {
            Fail(error);
            return;
        }
        finally
        {
            _connecting.Signal();
        }

        try
        {
            _begin.Wait();
            long period = rate > 0 ? (long)(Stopwatch.Frequency / rate) : 0, due = _begun + (long)(period * phase);
            while (!_end.IsCancellationRequested)
            {
                double wait = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due).TotalMilliseconds;
                if (wait > 0 && _end.Token.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(Math.Max(1, Math.Round(wait))))) break;
                ask();

                // One that has fallen behind goes on from now; it does not catch up.
                due = Math.Max(due + period, Stopwatch.GetTimestamp() - period);
            }

            close();
        }
        catch (Exception error)
        {
            Fail(error);
        }
    }

    private void Fail(Exception error)
    {
        lock (_gate) _failure ??= error;
        _end.Cancel();
    }
}
