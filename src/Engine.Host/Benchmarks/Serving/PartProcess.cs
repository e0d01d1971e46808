using System.Diagnostics;
using System.Globalization;
using Engine.Host.Serving;
using Engine.Runtime.Contract;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>A part of a measurement that must not share a process with the clients: this program, started with a part's name and numbers.</summary>
internal sealed class PartProcess : IDisposable
{
    private static readonly TimeSpan s_start = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly string _folder;

    private PartProcess(Process process, string folder) => (_process, _folder) = (process, folder);

    /// <summary>Its Unix-domain socket.</summary>
    public string SocketPath => Path.Combine(_folder, "socket");

    /// <summary>The line that it wrote when it was ready.</summary>
    public string Ready { get; private set; } = "";

    /// <summary>Starts a part: <c>ping-pong</c> (bytes of request and reply) or <c>busy</c> (milliseconds that the policy computes; largest batch).</summary>
    public static async Task<PartProcess> StartAsync(string part, params string[] numbers)
    {
        string folder = Directory.CreateTempSubdirectory("engine-bench-").FullName;
        string[] all = ["bench", "serve", "--part", part, Path.Combine(folder, "socket"), .. numbers];
        var process = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Engine.Host"), all) { RedirectStandardOutput = true })!;
        var started = new PartProcess(process, folder);
        try
        {
            started.Ready = await process.StandardOutput.ReadLineAsync().WaitAsync(s_start) is { } line && line.StartsWith("ready", StringComparison.Ordinal)
                ? line
                : throw new InvalidOperationException($"the part {part} did not start.");
            return started;
        }
        catch
        {
            started.Dispose();
            throw;
        }
    }

    /// <summary>Is a part.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> words, TextWriter output, CancellationToken cancellation)
    {
        string path = words[1];
        int first = int.Parse(words[2], CultureInfo.InvariantCulture), second = int.Parse(words[3], CultureInfo.InvariantCulture);
        if (words[0] == "ping-pong")
        {
            RawPingPong.Serve(path, first, second, () =>
            {
                output.WriteLine("ready");
                output.Flush();
            });
            return 0;
        }

        using var busy = new BusyPolicy(BuiltInPolicies.Create("echo"), TimeSpan.FromMilliseconds(first));
        using var echo = BuiltInPolicies.Create("echo");
        return await PolicyServerProcess.RunAsync(busy, new ServeOptions { Port = 0, UnixPath = path, MaxBatch = second, Beside = new Dictionary<string, IPolicy> { ["echo"] = echo } }, output, cancellation);
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
