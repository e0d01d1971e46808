using Engine.Client;
using Engine.Host.Serving.Client;
using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.Recording;
using Engine.Host.Tests.Commands;
using Engine.Runtime.Interop;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Protocols;

/// <summary>The real program, a real policy that takes its time, and a real signal.</summary>
public sealed class TerminationTests
{
    private const int Attempts = 100;

    [Fact]
    public async Task At_SIGTERM_requests_in_progress_are_answered_the_recording_is_whole_and_the_status_is_0()
    {
        if (OnnxRuntimeLibrary.TryFind() is null) Assert.Skip($"{OnnxRuntimeLibrary.FileName} is not here");
        var folder = Directory.CreateTempSubdirectory("engine-end-");
        try
        {
            string policy = Path.Combine(folder.FullName, "policy"), recording = Path.Combine(folder.FullName, "recording"), path = Path.Combine(folder.FullName, "s");
            SlowGraph.Write(policy);
            using var program = new ProgramProcess("serve", "--policy", policy, "--port", "0", "--unix", path, "--record", recording, "max_batch=1", "limits=none");
            string? ready = await program.ReadLineAsync();
            Assert.True(ready?.StartsWith("ready ", StringComparison.Ordinal), ready ?? (await program.EndAsync()).Error);
            var uri = new Uri(ready!.Split(' ')[1]);
            using var http = new HttpClient { BaseAddress = new UriBuilder(uri) { Scheme = "http" }.Uri };
            await using var web = await OpenPiClient.ConnectAsync(uri);
            using var pipe = PipeClient.ConnectUnix(path, new PipeClientOptions { Timeout = TimeSpan.FromSeconds(60) });
            Assert.Equal(1, await AskWebAsync(1));
            Assert.Equal(1, AskPipe(1));

            // One is with the policy, the other waits behind it; a machine may be so fast that it takes several tries to see that.
            int asked = 1;
            bool seen = false;
            while (!seen)
            {
                asked++;
                Assert.True(asked < Attempts, "two requests at once were never seen to wait");
                var (first, second) = (AskWebAsync(asked), Task.Run(() => AskPipe(asked)));
                while (!seen && !(first.IsCompleted && second.IsCompleted)) seen = await WaitsAsync();
                if (seen) program.Signal("TERM");
                Assert.Equal((asked, asked), (await first, await second));
            }

            var (status, error) = await program.EndAsync();
            Assert.True(status == 0, error);
            Assert.False(File.Exists(path));

            var whole = RecordingFolder.Open(recording);
            Assert.Equal((0, 2), (whole.Recovered, whole.Count));
            for (int i = 0; i < 2; i++)
            {
                var episode = whole.Read(i).Episode;
                Assert.Equal(asked - 1, episode.Length);
                Assert.Equal(asked, episode.States[asked - 1, 0]);
            }

            async Task<float> AskWebAsync(int number) => (await web.InferAsync(new MsgPackMap
            {
                ["observation/front"] = NumpyArray.From(new byte[192], 8, 8, 3),
                ["observation/state"] = NumpyArray.From([number, 1, 2, 3, 4, 5, 6, 7], 8),
                ["prompt"] = "go",
            })).Actions[0];

            float AskPipe(int number)
            {
                pipe.State[0] = number;
                return pipe.Step()[0];
            }

            async Task<bool> WaitsAsync() => (await http.GetStringAsync("/metrics")).Contains("\nengine_requests_waiting 1\n", StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
