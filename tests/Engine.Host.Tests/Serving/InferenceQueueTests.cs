using System.Collections.Concurrent;
using Engine.Host.Serving;
using Engine.Runtime.Contract;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving;

/// <summary>What becomes of a request that waits when a newer observation comes.</summary>
public sealed class InferenceQueueTests
{
    [Fact]
    public async Task A_request_that_waits_is_withdrawn_once_and_the_next_has_its_place()
    {
        var busy = new BusyQueue();
        var (first, second) = (NewRequest(2), NewRequest(3));
        var (before, other) = (busy.Queue.RunAsync(first), busy.Queue.RunAsync(second));
        Assert.Equal(2, busy.Metrics.Waiting);

        Assert.True(busy.Queue.TryWithdraw(first));
        Assert.True(before.IsFaulted);
        await Assert.ThrowsAsync<ReplacedException>(() => before);
        Assert.False(busy.Queue.TryWithdraw(first));
        Assert.Equal((1, 1), (busy.Metrics.Waiting, busy.Metrics.Replaced));

        first.Observation.States[0] = 4;
        var after = busy.Queue.RunAsync(first);
        Assert.Equal(2, busy.Metrics.Waiting);
        await busy.FreeAsync();
        await after;
        await other;
        Assert.Equal([1, 4, 3], busy.Asked);
        Assert.Equal((4, 3), (first.Actions[0], second.Actions[0]));
        Assert.Equal(0, busy.Metrics.Waiting);
    }

    [Fact]
    public async Task A_place_is_kept_for_one_request_only()
    {
        var busy = new BusyQueue();
        var request = NewRequest(2);
        var replaced = busy.Queue.RunAsync(request);
        busy.Queue.TryWithdraw(request);
        await Assert.ThrowsAsync<ReplacedException>(() => replaced);
        var answered = busy.Queue.RunAsync(request);
        await busy.FreeAsync();
        await answered;

        var blocking = busy.Block();
        var earlier = NewRequest(5);
        var first = busy.Queue.RunAsync(earlier);
        request.Observation.States[0] = 6;
        var last = busy.Queue.RunAsync(request);
        await busy.FreeAsync(blocking);
        await first;
        await last;
        Assert.Equal([1, 2, 1, 5, 6], busy.Asked);
    }

    [Fact]
    public async Task What_has_begun_or_does_not_wait_is_not_withdrawn()
    {
        var busy = new BusyQueue();
        Assert.False(busy.Queue.TryWithdraw(busy.Request));
        var never = NewRequest(2);
        Assert.False(busy.Queue.TryWithdraw(never));
        await busy.FreeAsync();
        Assert.False(busy.Queue.TryWithdraw(busy.Request));
        await busy.Queue.RunAsync(never);
        Assert.False(busy.Queue.TryWithdraw(never));
        Assert.Equal([1, 2], busy.Asked);
        Assert.Equal(0, busy.Metrics.Replaced);
    }

    [Fact]
    public async Task Nobody_is_asked_for_a_queue_that_was_withdrawn_whole_and_it_goes_on()
    {
        var busy = new BusyQueue();
        InferenceRequest[] requests = [NewRequest(2), NewRequest(3), NewRequest(4)];
        var replaced = Array.ConvertAll(requests, busy.Queue.RunAsync);
        Assert.All(requests, r => Assert.True(busy.Queue.TryWithdraw(r)));
        await busy.FreeAsync();
        foreach (var task in replaced) await Assert.ThrowsAsync<ReplacedException>(() => task);
        await busy.Queue.RunAsync(requests[2]);
        Assert.Equal([1, 4], busy.Asked);
    }

    /// <summary>A policy that sleeps has every request wait, so that withdrawing meets each moment of it.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Every_request_ends_once_whether_it_is_withdrawn_or_begins_first(int maxBatch)
    {
        const int Sessions = 6, Requests = 150;
        int asked = 0;
        var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            Thread.Sleep(2);
            int each = actions.Length / observations.Count;
            Interlocked.Add(ref asked, observations.Count);
            for (int i = 0; i < observations.Count; i++) actions.Slice(i * each, each).Fill(observations.States[i * Contract.StateNames.Length]);
        });
        var metrics = new ServingMetrics();
        var queue = new InferenceQueue(policy, maxBatch, metrics);
        await queue.RunAsync(NewRequest(0));
        int answered = 0, replaced = 0, ended = 0;
        await Task.WhenAll(Enumerable.Range(0, Sessions).Select(number => Task.Run(() => Session(number))));
        Assert.Equal(Sessions * Requests, answered + replaced);
        Assert.Equal((answered + 1, replaced), (asked, metrics.Replaced));
        Assert.InRange(replaced, 1, Sessions * Requests - 1);
        Assert.Equal(Sessions * Requests, await WithinAsync(() => ended, Sessions * Requests));
        Assert.Equal(0, metrics.Waiting);

        async Task Session(int number)
        {
            var random = new Random(number);
            var request = NewRequest(0);
            request.Ended = () => Interlocked.Increment(ref ended);
            for (int i = 1; i <= Requests; i++)
            {
                float mark = number * 1000 + i;
                request.Observation.States[0] = mark;
                var task = queue.RunAsync(request);
                if (random.Next(2) == 0) Thread.SpinWait(random.Next(20_000));
                if (random.Next(3) > 0 && queue.TryWithdraw(request))
                {
                    Assert.True(task.IsFaulted);
                    await Assert.ThrowsAsync<ReplacedException>(() => task);
                    Interlocked.Increment(ref replaced);
                    continue;
                }

                await task;
                Assert.Equal(mark, request.Actions[0]);
                Interlocked.Increment(ref answered);
            }
        }
    }

    [Fact]
    public async Task The_newer_observation_is_sampled_as_the_older_one_would_have_been()
    {
        float[] undisturbed = await DrawsAsync(replace: false), replaced = await DrawsAsync(replace: true);
        Assert.Equal(undisturbed, replaced);
        Assert.Equal(2, undisturbed.Distinct().Count());

        static async Task<float[]> DrawsAsync(bool replace)
        {
            var busy = new BusyQueue();
            var session = new PolicySession(Contract, new ServeOptions { Temperature = 1 }, busy.Queue, 9);
            var waiting = session.InferAsync(Observation(2));
            if (replace)
            {
                Assert.True(session.TryWithdraw());
                await Assert.ThrowsAsync<ReplacedException>(() => waiting);
                waiting = session.InferAsync(Observation(3));
            }

            await busy.FreeAsync();
            await waiting;
            Assert.False(session.TryWithdraw());
            float first = session.Request.Uniforms[0];
            await session.InferAsync(Observation(4));
            return [first, session.Request.Uniforms[0]];
        }
    }

    private static InferenceRequest NewRequest(float first)
    {
        var observation = ObservationReader.NewBatch(Contract, 1);
        foreach (var camera in Contract.Cameras) observation.Images[camera.Name] = new byte[camera.Bytes];
        observation.States[0] = first;
        return new InferenceRequest(Contract, observation);
    }

    /// <summary>A queue whose policy is busy with a request of state 1 until it is freed; it takes one request at a time.</summary>
    private sealed class BusyQueue
    {
        private readonly SemaphoreSlim _entered = new(0);
        private readonly SemaphoreSlim _gate = new(0);
        private readonly Task _running;

        internal BusyQueue()
        {
            var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
            {
                Asked.Enqueue(observations.States[0]);
                if (observations.States[0] == 1)
                {
                    _entered.Release();
                    _gate.Wait();
                }

                actions.Fill(observations.States[0]);
            });
            Queue = new InferenceQueue(policy, 1, Metrics);
            _running = Block();
        }

        internal ServingMetrics Metrics { get; } = new();

        internal InferenceQueue Queue { get; }

        internal InferenceRequest Request { get; } = NewRequest(1);

        internal ConcurrentQueue<float> Asked { get; } = new();

        internal Task Block()
        {
            var running = Task.Run(() => Queue.RunAsync(Request));
            _entered.Wait();
            return running;
        }

        internal Task FreeAsync(Task? running = null)
        {
            _gate.Release();
            return running ?? _running;
        }
    }
}
