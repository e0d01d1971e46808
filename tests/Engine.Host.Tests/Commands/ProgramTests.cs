using Engine.Host.Serving.Client;
using Engine.Runtime.Contract;

namespace Engine.Host.Tests.Commands;

/// <summary>The real program, real signals, real sockets.</summary>
public class ProgramTests
{
    [Fact]
    public async Task Serve_answers_a_client_and_ends_well_when_told_to()
    {
        using var program = new ProgramProcess("serve", "--policy", "echo", "--port", "0");
        string ready = await program.ReadLineAsync() ?? "";
        Assert.StartsWith("ready ws://127.0.0.1:", ready, StringComparison.Ordinal);
        using (var client = await ServedPolicy.ConnectAsync(new Uri(ready.Split(' ')[1])))
        {
            var contract = client.Contract;
            var actions = new float[contract.ActionHorizon * contract.ActionNames.Length];
            client.Act(
                new ObservationBatch
                {
                    Count = 1,
                    Instructions = ["reach"],
                    Images = contract.Cameras.ToDictionary(camera => camera.Name, camera => (ReadOnlyMemory<byte>)new byte[camera.Bytes]),
                    States = [1, 2, 3, 4, 5, 6, 7, 8],
                },
                actions);
            Assert.Equal([1, 2, 3, 4, 5, 6, 7], actions[..7]);
        }

        program.Signal("TERM");
        Assert.Equal(0, (await program.EndAsync()).Status);
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public async Task A_signal_stops_work_with_its_own_exit_code(string signal, int status)
    {
        using var program = new ProgramProcess("bench", "worldmodel", "--pairs", "100000");
        await program.WaitForErrorAsync("timing worldmodel");
        program.Signal(signal);
        var (code, error) = await program.EndAsync();
        Assert.Equal(status, code);
        Assert.Contains("engine: stopping", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "qickstart", "unknown verb 'qickstart'")]
    [InlineData(2, "serve", "--policy is missing")]
    [InlineData(2, "serve --policy echo --port 70000", "--port is 70000; expected 0 … 65535")]
    [InlineData(2, "serve --policy echo --address nowhere", "'nowhere' is no IP address")]
    [InlineData(1, "serve --policy ecko", "there is no policy 'ecko'")]
    [InlineData(1, "serve --policy /tmp", "'/tmp' holds no policy")]
    [InlineData(1, "serve --policy echo --address 0.0.0.0 --port 0", "oken")]
    [InlineData(1, "serve --policy echo prot=1", "Did you mean 'port'?")]
    [InlineData(1, "serve --config nothing.yaml", "nothing.yaml does not exist")]
    [InlineData(1, "export /tmp", "'/tmp' holds no trained policy")]
    [InlineData(1, "worldmodel generate --model no.json --weights no.npz --settings no.json --case a --input no.npz --out o.npz", "no.json")]
    [InlineData(2, "worldmodel generate --model no.json", "--weights")]
    [InlineData(2, "bench worldmodle", "orldmodle")]
    [InlineData(2, "bench worldmodel --dim 30", "dim / num_heads must be a multiple of 4")]
    [InlineData(2, "bench worldmodel --batch 0", "--batch must be positive")]
    [InlineData(1, "data show nowhere", "there is no such directory")]
    public async Task What_is_wrong_is_one_sentence_and_an_exit_code(int status, string call, string message)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        Assert.Equal(status, await Engine.Host.Commands.CommandLine.RunAsync(call.Split(' '), output, error));
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
        Assert.StartsWith("engine: ", error.ToString(), StringComparison.Ordinal);
        Assert.Single(error.ToString().Trim().Split('\n'));
    }
}
