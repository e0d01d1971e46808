using System.Collections.Concurrent;
using Engine.Client;
using Engine.Host.Serving;
using Engine.Host.Tests.Serving.Pipes;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Protocols;

/// <summary>More than the policy can do, many times over. Looks at the memory of the whole process, so it runs alone.</summary>
[Collection(Name)]
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class OverloadTests
{
    private const string Name = "memory of the whole process";
    private const int Hurried = 24, Flooding = 8, MostGrowth = 4 << 20;
    private static readonly TimeSpan s_policy = TimeSpan.FromMilliseconds(5), s_budget = TimeSpan.FromMilliseconds(50), s_load = TimeSpan.FromSeconds(1.5);

    /// <summary>
    /// 24 robots whose answers are of use for 50 ms only, and 8 that send every millisecond whatever they are answered, to a policy that does one observation in
    /// 5 ms. How old an observation is when the policy sees it is counted in observations that the policy saw meanwhile, which no clock can falsify.
    /// </summary>
    [Fact]
    public async Task Under_overload_the_accepted_wait_within_bounds_the_others_are_told_and_memory_stays()
    {
        int inferences = 0;
        var ages = new ConcurrentQueue<int>();
        using var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            Thread.Sleep(s_policy);
            ages.Enqueue(Interlocked.Increment(ref inferences) - (int)observations.States[1]);
            actions.Fill(observations.States[0]);
        });
        await using var fixture = await PipeServerFixture.StartAsync(o => o with { MaxBatch = 1, MaxSessions = Hurried + Flooding + 1 }, policy);
        var metrics = fixture.Server.Metrics;
        await LoadAsync();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        ages.Clear();
        var (answered, late, replaced, sent) = await LoadAsync();
        long after = GC.GetTotalMemory(forceFullCollection: true);

        // Each request got one answer: actions, or the reason why not.
        Assert.Equal(sent, answered + late + replaced);
        Assert.True(sent > 4 * ages.Count, $"{sent} requests are no overload for {ages.Count} inferences");
        Assert.InRange(late, 1, sent);
        Assert.InRange(replaced, 1, sent);

        // A session has one request in the queue, so nobody waits for more than the others' one; twice that for what was under way. Served in order, the
        // observations of the flood would be hundreds of inferences old. A machine that stands still now and then may spoil a few.
        int[] sorted = [.. ages.Order()];
        Assert.InRange(sorted[sorted.Length * 9 / 10], 0, 2 * (Hurried + Flooding + 1));
        Assert.InRange(after - before, long.MinValue, MostGrowth);
        Assert.Equal(0, await WithinAsync(() => metrics.Waiting, 0));
        Assert.Equal(0, await WithinAsync(() => metrics.Sessions, 0));

        using var good = fixture.Client("unix");
        good.State[0] = 7;
        Assert.Equal(7, good.Step(TimeSpan.FromSeconds(60))[0]);

        async Task<(int Answered, int Late, int Replaced, int Sent)> LoadAsync()
        {
            using var end = new CancellationTokenSource(s_load);
            int answered = 0, late = 0, replaced = 0, sent = 0;
            using var spare = RawPipe.Connect(fixture.Path).Hello();
            var robots = Enumerable.Range(0, Hurried).Select(_ => RunAsync(Hurry)).Concat(Enumerable.Range(0, Flooding).Select(_ => RunAsync(Flood))).ToArray();
            Assert.Equal(Hurried + Flooding + 1, await WithinAsync(() => metrics.Sessions, Hurried + Flooding + 1));

            // There is no place for more, and that is said too.
            Assert.Equal(PipeErrorCode.Unavailable, PipeServerTests.Refusal(() => fixture.Client("tcp")));
            await Task.WhenAll(robots);
            return (answered, late, replaced, sent);

            // Threads of their own: robots must not wait for one another in the pool.
            Task RunAsync(Action robot) => Task.Factory.StartNew(robot, TaskCreationOptions.LongRunning);

            void Hurry()
            {
                using var client = fixture.Client("unix");
                while (!end.IsCancellationRequested)
                {
                    client.State[1] = Volatile.Read(ref inferences);
                    Interlocked.Increment(ref sent);
                    try
                    {
                        client.Step(s_budget);
                        Interlocked.Increment(ref answered);
                    }
                    catch (PipeServerException error)
                    {
                        Assert.Equal(PipeErrorCode.Deadline, error.Code);
                        Interlocked.Increment(ref late);
                    }
                }
            }

            void Flood()
            {
                using var pipe = RawPipe.Connect(fixture.Path).Hello();
                var sending = RunAsync(() =>
                {
                    byte[] record = pipe.Record();
                    while (!end.IsCancellationRequested)
                    {
                        BitConverter.TryWriteBytes(record.AsSpan(pipe.Layout.StateOffset + 4), (float)Volatile.Read(ref inferences));
                        pipe.Send(RawPipe.Frame(pipe.Header(PipeKind.Observe, record.Length), record));
                        Interlocked.Increment(ref sent);
                        Thread.Sleep(1);
                    }

                    pipe.Send(RawPipe.Frame(pipe.Header(PipeKind.Ping), []));
                });
                while (true)
                {
                    var header = pipe.Receive().Header;
                    if (header.Kind == PipeKind.Pong) break;
                    if (header.Kind == PipeKind.Actions)
                    {
                        Interlocked.Increment(ref answered);
                        continue;
                    }

                    Assert.Equal(PipeErrorCode.Replaced, header.Code);
                    Interlocked.Increment(ref replaced);
                }

                sending.GetAwaiter().GetResult();
            }
        }
    }
}
