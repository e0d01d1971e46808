using System.Runtime.ExceptionServices;

namespace Engine.Simulation.Tabletop;

/// <summary>
/// A fixed set of threads that share out numbered items. Each thread owns a state of its own (a GL context), made when it is first
/// asked for and disposed on the thread that made it. One job at a time; the caller waits asleep.
/// </summary>
internal sealed class WorkerThreads<TState> : IDisposable
    where TState : class, IDisposable
{
    private readonly Thread[] _threads;
    private readonly SemaphoreSlim _begin = new(0);
    private readonly CountdownEvent _end = new(1);
    private Action<int, Lazy<TState>>? _job;
    private Exception? _failure;
    private int _failedItem, _next, _count;
    private bool _disposed;

    public WorkerThreads(int count, string name, Func<TState> makeState)
    {
        _threads = new Thread[count];
        for (int i = 0; i < count; i++)
        {
            _threads[i] = new Thread(() => Work(makeState)) { IsBackground = true, Name = $"{name} {i}" };
            _threads[i].Start();
        }
    }

    /// <summary>Number of threads.</summary>
    public int Count => _threads.Length;

    /// <summary>Runs a job for the items 0 … count − 1 and waits. When several fail, the exception of the lowest item is thrown.</summary>
    public void Run(int count, Action<int, Lazy<TState>> job)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (count == 0) return;
        _job = job;
        _count = count;
        _next = 0;
        _failure = null;
        _failedItem = int.MaxValue;
        int workers = Math.Min(count, _threads.Length);
        _end.Reset(workers);
        _begin.Release(workers);
        _end.Wait();
        _job = null;
        if (_failure is not null) ExceptionDispatchInfo.Throw(_failure);
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _begin.Release(_threads.Length);
        foreach (var thread in _threads) thread.Join();
        _begin.Dispose();
        _end.Dispose();
    }

    private void Work(Func<TState> makeState)
    {
        var state = new Lazy<TState>(makeState, LazyThreadSafetyMode.None);
        while (true)
        {
            _begin.Wait();
            if (_disposed) break;
            int item = 0;
            try
            {
                while ((item = Interlocked.Increment(ref _next) - 1) < _count) _job!(item, state);
            }
            catch (Exception exception)
            {
                lock (_threads)
                {
                    if (item < _failedItem) (_failure, _failedItem) = (exception, item);
                }
            }

            _end.Signal();
        }

        if (state.IsValueCreated) state.Value.Dispose();
    }
}
