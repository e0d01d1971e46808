using Engine.Host.Serving;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving;

public sealed class PolicyThreadTests
{
    [Fact]
    public async Task Every_wish_is_carried_out_once_also_after_the_thread_has_ended()
    {
        int done = 0;
        var thread = new PolicyThread(() => Interlocked.Increment(ref done));
        Parallel.For(0, 100, _ => thread.Wake());
        Assert.True(await ReachesAsync(100));
        await Task.Delay(2500);
        thread.Wake();
        Assert.True(await ReachesAsync(101));
        await Task.Delay(20);
        Assert.Equal(101, done);

        async Task<bool> ReachesAsync(int count)
        {
            for (int i = 0; i < 2000 && Volatile.Read(ref done) < count; i++) await Task.Delay(5);
            return Volatile.Read(ref done) == count;
        }
    }

    [Fact]
    public async Task A_policy_that_computes_long_has_its_own_thread_and_answers_right()
    {
        var names = new System.Collections.Concurrent.ConcurrentQueue<string?>();
        var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            names.Enqueue(Thread.CurrentThread.Name);
            Thread.Sleep(3);
            actions.Fill(observations.States[0]);
        });
        var queue = new InferenceQueue(policy, 1, new ServingMetrics());
        var session = new PolicySession(Contract, new ServeOptions(), queue, 1);
        for (int i = 1; i <= 3; i++)
        {
            await session.InferAsync(Observation(i));
            Assert.Equal(i, session.Request.Actions[0]);
        }

        Assert.NotEqual("policy", names.First());
        Assert.Equal(["policy", "policy"], names.Skip(1));
    }

    [Fact]
    public async Task A_policy_that_computes_long_can_be_put_off_by_anyone_who_wakes()
    {
        Assert.SkipUnless(File.Exists("/proc/self/sched"), "the kernel does not show a thread's slice (Linux with CONFIG_SCHED_DEBUG does)");
        string before = await File.ReadAllTextAsync("/proc/self/sched", TestContext.Current.CancellationToken);
        Assert.SkipUnless(Number(before, "se.slice") > 0, "threads have no slice of their own before Linux 6.12");
        var seen = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        new PolicyThread(() => seen.TrySetResult(File.ReadAllText("/proc/thread-self/sched"))).Wake();
        string policy = await seen.Task;
        Assert.Equal(100_000_000, Number(policy, "se.slice"));
        Assert.Equal(Number(before, "prio") + 5, Number(policy, "prio"));

        static double Number(string text, string name)
        {
            string? line = text.Split('\n').FirstOrDefault(l => l.StartsWith(name + " ", StringComparison.Ordinal));
            return line is null ? 0 : double.Parse(line[(line.IndexOf(':') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
        }
    }
}
