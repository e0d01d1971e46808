using System.Runtime.InteropServices;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>Serves a policy as the program's whole work: one line when ready, until a signal, then a clean end.</summary>
public static class PolicyServerProcess
{
    /// <summary>
    /// Starts a server, writes one line that begins with <c>ready</c> and has its address, and waits for SIGTERM, SIGINT, the token, or a client that may end it. Then requests in
    /// progress end, and the task gives the exit status 0. A second signal ends the process at once.
    /// </summary>
    public static async Task<int> RunAsync(IPolicy policy, ServeOptions options, TextWriter output, CancellationToken cancellationToken = default)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void OnSignal(PosixSignalContext context) => context.Cancel = ended.TrySetResult();
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var cancel = cancellationToken.Register(() => ended.TrySetResult());

        var server = await PolicyServer.StartAsync(policy, options, cancellationToken).ConfigureAwait(false);
        await using (server.ConfigureAwait(false))
        {
            string pipes = (options.UnixPath is null ? "" : $" unix={options.UnixPath}") + (server.PipePort == 0 ? "" : $" pipe_port={server.PipePort}")
                + (server.GrpcPort == 0 ? "" : $" grpc_port={server.GrpcPort}")
                + (server.ZmqPort == 0 ? "" : $" zmq_port={server.ZmqPort}");
            await output.WriteLineAsync($"ready {server.Uri} policy={policy.Contract.Name} pid={Environment.ProcessId}{pipes}").ConfigureAwait(false);
            await output.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            await Task.WhenAny(ended.Task, server.Killed).ConfigureAwait(false);
        }

        return 0;
    }
}
