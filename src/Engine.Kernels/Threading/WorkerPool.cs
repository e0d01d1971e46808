using System.Runtime.ExceptionServices;

namespace Engine.Kernels.Threading;

/// <summary>
/// A fixed set of threads for numerical work. A job is split statically: part i of n always is the same work, so results never depend on scheduling.
/// Idle workers spin for a short while, because the next job mostly comes at once, and then sleep. Nothing is allocated per job.
/// </summary>
public sealed class WorkerPool : IDisposable
{
    private const int SpinLimit = 2000;

    private readonly Thread[] _threads;
    private readonly Lock _entry = new();
    private readonly object _sleep = new();
    private readonly TeamBarrier _barrier = new();
    private IParallelJob? _job;
    private int _count, _left;
    private volatile int _generation;
    private volatile bool _stopping;
    private ExceptionDispatchInfo? _failure;

    /// <summary>Starts <paramref name="threads"/> − 1 workers; the caller of <see cref="Run"/> is the remaining one.</summary>
    /// <exception cref="ArgumentOutOfRangeException">threads is not positive.</exception>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        Threads = threads;
        _threads = new Thread[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int index = i + 1;
            _threads[i] = new Thread(() => Work(index)) { IsBackground = true, Name = $"engine-worker-{index}" };
            _threads[i].Start();
        }
    }

    /// <summary>
    /// The process's pool: as many threads as <c>ENGINE_THREADS</c> says, or as there are processors.
    /// </summary>
    public static WorkerPool Shared { get; } = new(SharedThreads());

    /// <summary>Greatest number of parts that run together.</summary>
    public int Threads { get; }

    /// <summary>The barrier of the job that runs now; every part must call it equally often.</summary>
    public TeamBarrier Barrier => _barrier;

    /// <summary>
    /// Runs a job in <paramref name="parts"/> parts (at most <see cref="Threads"/>) and returns when all have ended. When the pool is busy
    /// with another thread's job, or is called from within a job, the job runs as one part on the calling thread.
    /// </summary>
    /// <exception cref="Exception">The first exception of any part is thrown again.</exception>
    public void Run(IParallelJob job, int parts = int.MaxValue)
    {
        int count = Math.Min(parts, Threads);
        if (count <= 1 || _entry.IsHeldByCurrentThread || !_entry.TryEnter())
        {
            job.Execute(0, 1);
            return;
        }

        try
        {
            _job = job;
            _count = count;
            _left = _threads.Length;
            _failure = null;
            _barrier.Reset();
            lock (_sleep)
            {
                _generation++;
                Monitor.PulseAll(_sleep);
            }

            Execute(0, count);
            for (int spins = 0; Volatile.Read(ref _left) > 0; spins++)
            {
                if (spins < SpinLimit) Thread.SpinWait(4);
                else Thread.Yield();
            }

            _job = null;
            _failure?.Throw();
        }
        finally
        {
            _entry.Exit();
        }
    }

    /// <summary>Ends the workers.</summary>
    public void Dispose()
    {
        _stopping = true;
        lock (_sleep) Monitor.PulseAll(_sleep);
        foreach (Thread thread in _threads) thread.Join();
    }

    private static int SharedThreads()
    {
        string? text = Environment.GetEnvironmentVariable("ENGINE_THREADS");
        if (string.IsNullOrEmpty(text)) return Environment.ProcessorCount;
        return int.TryParse(text, out int threads) && threads > 0
            ? threads
            : throw new InvalidOperationException($"ENGINE_THREADS must be a positive whole number, it is '{text}'.");
    }

    private void Work(int index)
    {
        int seen = 0;
        while (true)
        {
            for (int spins = 0; _generation == seen && !_stopping && spins < SpinLimit; spins++) Thread.SpinWait(4);
            if (_generation == seen)
            {
                lock (_sleep)
                {
                    while (_generation == seen && !_stopping) Monitor.Wait(_sleep);
                }
            }

            if (_stopping) return;
            seen = _generation;
            if (index < _count) Execute(index, _count);
            Interlocked.Decrement(ref _left);
        }
    }

    private void Execute(int index, int count)
    {
        try
        {
            _job!.Execute(index, count);
        }
        catch (Exception exception)
        {
            if (exception is not OperationCanceledException) Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(exception), null);
            _barrier.Break();
        }
    }
}
