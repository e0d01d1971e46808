using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>A server in a process of its own, ours or the original's, and what it takes of the machine.</summary>
internal sealed class ServerProcess : IDisposable
{
    private const double TicksASecond = 100;
    private static readonly TimeSpan s_start = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly string? _folder;

    private ServerProcess(Process process, int port, string? folder) => (_process, Port, _folder) = (process, port, folder);

    /// <summary>Port of its WebSocket.</summary>
    public int Port { get; }

    /// <summary>Where WebSocket clients connect.</summary>
    public Uri Uri => new($"ws://127.0.0.1:{Port}/");

    /// <summary>Path of our server's Unix-domain socket.</summary>
    public string UnixPath => Path.Combine(_folder!, "socket");

    /// <summary>Processor time of all its threads so far (s), to 10 ms.</summary>
    public double ProcessorSeconds
    {
        get
        {
            string text = File.ReadAllText($"/proc/{_process.Id}/stat");
            string[] fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return (double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksASecond;
        }
    }

    /// <summary>Memory that it holds (bytes).</summary>
    public long ResidentBytes => long.Parse(File.ReadAllText($"/proc/{_process.Id}/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;

    /// <summary>Open files, sockets and the like.</summary>
    public int Handles => Directory.GetFileSystemEntries($"/proc/{_process.Id}/fd").Length;

    /// <summary>Starts <c>engine serve</c> with the echo policy, a Unix-domain socket and shared memory.</summary>
    public static async Task<ServerProcess> StartAsync(params string[] arguments)
    {
        string folder = Directory.CreateTempSubdirectory("engine-bench-").FullName;
        string[] all = ["serve", "--policy", "echo", "--port", "0", "--unix", Path.Combine(folder, "socket"), "--shared-memory", .. arguments];
        var process = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Engine.Host"), all) { RedirectStandardOutput = true })!;
        string? ready = await process.StandardOutput.ReadLineAsync().WaitAsync(s_start);
        if (ready is null || !ready.StartsWith("ready ", StringComparison.Ordinal)) throw new InvalidOperationException($"the server did not start: {ready}");
        return new ServerProcess(process, new Uri(ready.Split(' ')[1]).Port, folder);
    }

    /// <summary>Starts the original's server.</summary>
    public static async Task<ServerProcess> StartUpstreamAsync(ServingRun run)
    {
        int port = FreePort();
        var python = UpstreamOpenPi.Launch(run, "openpi_echo.py", "--port", port.ToString(CultureInfo.InvariantCulture));
        var server = new ServerProcess(python, port, null);
        var clock = Stopwatch.StartNew();
        while (true)
        {
            run.Cancellation.ThrowIfCancellationRequested();
            if (python.HasExited) throw UpstreamOpenPi.Failure(python);
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync("127.0.0.1", port, run.Cancellation);
                return server;
            }
            catch (SocketException) when (clock.Elapsed < s_start)
            {
                await Task.Delay(50, run.Cancellation);
            }
        }
    }

    /// <summary>Kills it at once.</summary>
    public void Kill() => _process.Kill();

    public void Dispose()
    {
        if (!_process.HasExited) Kill();
        _process.WaitForExit();
        _process.Dispose();
        if (_folder is not null) Directory.Delete(_folder, recursive: true);
    }

    private static int FreePort()
    {
        var listener = new TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        int port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        return port;
    }
}
