using Engine.Kernels.Threading;

namespace Engine.Kernels.Tests.Threading;

public class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_part_runs_once_and_barriers_hold(int threads)
    {
        using var pool = new WorkerPool(threads);
        for (int round = 0; round < 50; round++)
        {
            var job = new Rounds(pool, threads);
            pool.Run(job);
            Assert.Equal(Enumerable.Repeat(1, threads), job.Calls);
            Assert.Equal(0, job.Broken);
        }

        var few = new Rounds(pool, threads);
        pool.Run(few, 2);
        Assert.Equal(Math.Min(2, threads), few.Calls.Sum());
    }

    [Fact]
    public void A_failing_part_fails_the_job_and_not_the_pool()
    {
        using var pool = new WorkerPool(3);
        for (int failing = 0; failing < 3; failing++)
        {
            Assert.Equal("part", Assert.Throws<InvalidOperationException>(() => pool.Run(new Failing(pool, failing))).Message);
            var job = new Rounds(pool, 3);
            pool.Run(job);
            Assert.Equal([1, 1, 1], job.Calls);
        }
    }

    [Fact]
    public void A_busy_pool_runs_a_nested_job_on_the_caller_alone()
    {
        using var pool = new WorkerPool(2);
        var job = new Nested(pool);
        pool.Run(job);
        Assert.Equal([1, 1], job.Inner);
    }

    [Fact]
    public void A_job_allocates_nothing()
    {
        using var pool = new WorkerPool(2);
        var job = new Nothing();
        for (int i = 0; i < 10; i++) pool.Run(job);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) pool.Run(job);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private sealed class Nothing : IParallelJob
    {
        public void Execute(int index, int count)
        {
        }
    }

    private sealed class Rounds(WorkerPool pool, int threads) : IParallelJob
    {
        private readonly int[] _arrived = new int[20];
        private int _broken;

        public int[] Calls { get; } = new int[threads];

        public int Broken => _broken;

        public void Execute(int index, int count)
        {
            Interlocked.Increment(ref Calls[index]);
            for (int i = 0; i < _arrived.Length; i++)
            {
                Interlocked.Increment(ref _arrived[i]);
                pool.Barrier.SignalAndWait(count);
                if (Volatile.Read(ref _arrived[i]) != count) Interlocked.Increment(ref _broken);
            }
        }
    }

    private sealed class Failing(WorkerPool pool, int part) : IParallelJob
    {
        public void Execute(int index, int count)
        {
            if (index == part) throw new InvalidOperationException("part");
            pool.Barrier.SignalAndWait(count);
        }
    }

    private sealed class Nested(WorkerPool pool) : IParallelJob
    {
        public int[] Inner { get; } = new int[2];

        public void Execute(int index, int count)
        {
            var inner = new Counting();
            pool.Run(inner);
            Inner[index] = inner.Count;
        }
    }

    private sealed class Counting : IParallelJob
    {
        public int Count { get; private set; }

        public void Execute(int index, int count) => Count = count;
    }
}
