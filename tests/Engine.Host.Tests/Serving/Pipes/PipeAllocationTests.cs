using Engine.Client;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Pipes;

/// <summary>Counts what all threads of the process allocate, so it runs alone.</summary>
[Collection(Name)]
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class PipeAllocationTests
{
    private const string Name = "allocations of the whole process";
    private const int Requests = 500;
    private const int Rounds = 64;

    [Theory]
    [InlineData("unix")]
    [InlineData("tcp")]
    [InlineData("ring")]
    public async Task After_the_hello_neither_side_allocates_for_a_request(string transport)
    {
        await using var fixture = await PipeServerFixture.StartAsync();
        using var client = fixture.Client(transport, new PipeClientOptions { PayloadCrc = true });
        client.Instruction = "reach the red cube";
        long least = long.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < Requests; i++)
            {
                client.State[0] = i;
                if (client.Step()[0] != i) Assert.Fail("another request's answer");
            }

            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        // An object is 24 bytes or more: one for every request would be 12 000 and above. Timers of the process allocate now and then, so a
        // round is short and the cleanest of many counts.
        Assert.InRange(least, 0, Requests);
    }
}
