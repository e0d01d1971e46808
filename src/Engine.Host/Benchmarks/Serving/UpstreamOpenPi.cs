using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>openpi's own Python client, unchanged, in a process beside this one. One line asks, one line answers.</summary>
internal sealed class UpstreamOpenPi : IDisposable
{
    private static readonly string[] s_scripts = ["openpi_ask.py", "openpi_echo.py", "openpi_path.py"];
    private static readonly string[] s_needed = ["src/openpi/serving/websocket_policy_server.py", "packages/openpi-client/src/openpi_client/websocket_client_policy.py"];
    private static readonly Lazy<string> s_folder = new(Unpack);

    private readonly Process _process;

    private UpstreamOpenPi(Process process) => _process = process;

    /// <summary>What ran: versions of Python and the packages.</summary>
    public string Description { get; private set; } = "";

    /// <summary>Processor time that the client took for one request of the last <see cref="Ask"/> (µs), all its threads.</summary>
    public double Processor { get; private set; }

    /// <summary>Starts Python with the client.</summary>
    /// <exception cref="InvalidOperationException">Python or a package is missing, or the checkout is of something else; the message says which.</exception>
    public static UpstreamOpenPi Start(ServingRun run)
    {
        var client = new UpstreamOpenPi(Launch(run, "openpi_ask.py"));
        client.Description = client.Answer().GetProperty("versions").GetString()!;
        return client;
    }

    /// <summary>Connects to a server under a name.</summary>
    public void Connect(string name, int port)
    {
        Say($"connect {name} 127.0.0.1 {port.ToString(CultureInfo.InvariantCulture)}");
        Answer();
    }

    /// <summary>Sends so many observations, one after another; gives the times of the round trips.</summary>
    public Sample Ask(string name, int count)
    {
        Say($"ask {name} {count.ToString(CultureInfo.InvariantCulture)}");
        var answer = Answer();
        Processor = answer.GetProperty("processor").GetDouble();
        var sample = new Sample(count);
        foreach (var time in answer.GetProperty("microseconds").EnumerateArray()) sample.AddMicroseconds(time.GetDouble());
        return sample;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    /// <summary>Starts one of the scripts.</summary>
    /// <exception cref="InvalidOperationException">The checkout is of something else, or there is no such interpreter.</exception>
    internal static Process Launch(ServingRun run, string script, params string[] arguments)
    {
        string checkout = Path.GetFullPath(run.Upstream!);
        foreach (string needed in s_needed)
        {
            if (!File.Exists(Path.Combine(checkout, needed)))
                throw new InvalidOperationException($"{checkout} has no {needed}: for serve, --upstream wants a checkout of github.com/Physical-Intelligence/openpi.");
        }

        var start = new ProcessStartInfo(run.Python, [Path.Combine(s_folder.Value, script), "--upstream", checkout, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        try
        {
            return Process.Start(start) ?? throw new InvalidOperationException($"{run.Python} did not start.");
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            throw new InvalidOperationException($"{run.Python} cannot be started ({error.Message}): --python names the interpreter, which needs numpy, msgpack and websockets.", error);
        }
    }

    /// <summary>What a script that ended by itself had to say.</summary>
    internal static InvalidOperationException Failure(Process process)
    {
        string last = process.StandardError.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? "it said nothing";
        return new InvalidOperationException($"The original's Python ended: {last}. It needs numpy, msgpack, typing_extensions and websockets 13 or later; --python names another interpreter.");
    }

    private static string Unpack()
    {
        string folder = Directory.CreateTempSubdirectory("engine-bench-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        foreach (string name in s_scripts)
        {
            using var source = typeof(UpstreamOpenPi).Assembly.GetManifestResourceStream($"upstream.{name}") ?? throw new InvalidOperationException($"The program lacks its part {name}.");
            using var target = File.Create(Path.Combine(folder, name));
            source.CopyTo(target);
        }

        return folder;
    }

    private void Say(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
    }

    private JsonElement Answer() => _process.StandardOutput.ReadLine() is { } line ? JsonDocument.Parse(line).RootElement.Clone() : throw Failure(_process);
}
