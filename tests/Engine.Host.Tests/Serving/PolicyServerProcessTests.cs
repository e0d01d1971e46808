using System.Diagnostics;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving;

/// <summary>The test signals its own process, which would stop every verb that another test is running: it runs alone.</summary>
[Collection(Name)]
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class PolicyServerProcessTests
{
    private const string Name = "signals to the own process";

    [Fact]
    public async Task The_process_says_ready_and_ends_with_0_on_a_signal()
    {
        using var policy = BuiltInPolicies.Create("echo", Contract);
        var output = new StringWriter();
        var run = PolicyServerProcess.RunAsync(policy, Options, output);
        for (int i = 0; i < 3000 && output.ToString().Length == 0; i++) await Task.Delay(10);
        string line = output.ToString().TrimEnd();
        Assert.Matches(@"^ready ws://127\.0\.0\.1:\d+/ policy=echo pid=\d+$", line);
        await using (var client = await OpenPiClient.ConnectAsync(new Uri(line.Split(' ')[1]))) await client.InferAsync(Observation());
        using var kill = Process.Start("kill", ["-TERM", $"{Environment.ProcessId}"]);
        Assert.Equal(0, await run.WaitAsync(TimeSpan.FromSeconds(60)));
    }
}
