using Engine.Client;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Pipes;

public sealed class QueueDeadlineTests
{
    [Fact]
    public async Task A_request_whose_deadline_passes_while_others_are_served_is_refused_and_the_policy_not_asked()
    {
        using var entered = new SemaphoreSlim(0);
        using var gate = new ManualResetEventSlim();
        int asked = 0;
        var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            Interlocked.Increment(ref asked);
            entered.Release();
            if (observations.States[0] == 1) gate.Wait();
            actions.Fill(observations.States[0]);
        });
        await using var fixture = await PipeServerFixture.StartAsync(policy: policy);
        await entered.WaitAsync();
        using var slow = fixture.Client("unix", new PipeClientOptions());
        using var late = fixture.Client("unix", new PipeClientOptions());
        slow.State[0] = 1;
        late.State[0] = 2;
        var first = Task.Run(() => slow.Step()[0]);
        await entered.WaitAsync();
        var second = Task.Run(() => late.Step(TimeSpan.FromSeconds(0.2))[0]);
        while (fixture.Server.Metrics.Waiting == 0 && !second.IsCompleted) await Task.Delay(5);
        await Task.Delay(300);
        gate.Set();
        Assert.Equal(1, await first);
        Assert.Equal(PipeErrorCode.Deadline, (await Assert.ThrowsAsync<PipeServerException>(() => second)).Code);
        Assert.Equal(2, asked);
        late.State[0] = 3;
        Assert.Equal(3, late.Step(TimeSpan.FromSeconds(60))[0]);
    }
}
