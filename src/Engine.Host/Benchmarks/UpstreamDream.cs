using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Engine.Kernels.Threading;

namespace Engine.Host.Benchmarks;

/// <summary>
/// The original's dream in a Python process beside this one: its model.py and diffusion.py, unchanged, on weights, context, actions and
/// noise that are given as files. One line asks, one line answers.
/// </summary>
internal sealed class UpstreamDream : IDisposable
{
    private const string Script = "dream.py";
    private static readonly string[] s_files = [Script, "stand_ins.py"];
    private readonly Process _process;
    private readonly List<string> _errors = [];

    private UpstreamDream(Process process) => _process = process;

    /// <summary>What ran: version, threads or GPU, and what had to be replaced because it is not installed.</summary>
    public string Description { get; private set; } = "";

    /// <summary>Whether a folder is a checkout of it.</summary>
    /// <exception cref="InvalidOperationException">It is of something else; the message says what is missing.</exception>
    public static void Check(string checkout)
    {
        foreach (string needed in new[] { "model.py", "diffusion.py" })
        {
            if (!File.Exists(Path.Combine(checkout, needed)))
                throw new InvalidOperationException($"{checkout} has no {needed}: --upstream wants a checkout of github.com/world-model-eval/world-model-eval.");
        }
    }

    /// <summary>Starts Python and waits until it has loaded the model.</summary>
    /// <param name="checkout">Folder of a checkout of world-model-eval.</param>
    /// <param name="python">The interpreter.</param>
    /// <param name="folder">An existing folder for the scripts, with model.json, weights.npz and input.npz in it.</param>
    /// <param name="device">torch's name of where it dreams: cpu, or a GPU with bfloat16 autocast.</param>
    /// <exception cref="InvalidOperationException">Python or torch is missing, or the checkout is of something else; the message says which.</exception>
    public static UpstreamDream Start(string checkout, string python, string folder, string device)
    {
        foreach (string name in s_files)
        {
            using var source = typeof(UpstreamDream).Assembly.GetManifestResourceStream($"upstream.{name}") ?? throw new InvalidOperationException($"The program lacks its part {name}.");
            using var target = File.Create(Path.Combine(folder, name));
            source.CopyTo(target);
        }

        var start = new ProcessStartInfo(python, [Script, "--upstream", Path.GetFullPath(checkout), "--model", "model.json", "--weights", "weights.npz", "--input", "input.npz", "--threads", $"{WorkerPool.Shared.Threads}", "--device", device])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["OPENBLAS_CORETYPE"] = Environment.GetEnvironmentVariable("OPENBLAS_CORETYPE") ?? "SkylakeX";
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        // Waiting threads may spin there, which is faster as long as nobody else computes.
        start.Environment.Remove("OMP_WAIT_POLICY");
        Process process;
        try
        {
            process = Process.Start(start) ?? throw new InvalidOperationException($"{python} did not start.");
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            throw new InvalidOperationException($"{python} cannot be started ({error.Message}): --python names the interpreter, which needs torch and numpy.", error);
        }

        var upstream = new UpstreamDream(process);
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is null) return;
            lock (upstream._errors) upstream._errors.Add(line.Data);
        };
        process.BeginErrorReadLine();
        var ready = upstream.Answer();
        string[] replaced = [.. ready.GetProperty("stand_ins").EnumerateArray().Select(name => name.GetString()!)];
        upstream.Description = $"PyTorch {ready.GetProperty("torch").GetString()}, {ready.GetProperty("where").GetString()}"
            + (replaced.Length > 0 ? $", stand-ins for {string.Join(", ", replaced)}" : "");
        return upstream;
    }

    /// <summary>Back to the context.</summary>
    public void Begin() => Ask("begin");

    /// <summary>One more frame; its time in milliseconds, as Python saw it.</summary>
    public double Frame() => Ask("frame").GetProperty("milliseconds").GetDouble();

    /// <summary>All frames since the context began, [F, B, H, W, C].</summary>
    public float[] Frames(string folder)
    {
        string path = Path.Combine(folder, "frames.bin");
        Ask("write " + path);
        byte[] bytes = File.ReadAllBytes(path);
        var values = new float[bytes.Length / sizeof(float)];
        Buffer.BlockCopy(bytes, 0, values, 0, bytes.Length);
        return values;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private JsonElement Ask(string line)
    {
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
        return Answer();
    }

    private JsonElement Answer()
    {
        if (_process.StandardOutput.ReadLine() is { } line) return JsonDocument.Parse(line).RootElement.Clone();
        _process.WaitForExit();
        lock (_errors)
        {
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
                $"The original's Python ended with code {_process.ExitCode}: {_errors.LastOrDefault(text => text.Length > 0) ?? "it said nothing"} It needs torch and numpy (Debian: apt-get install python3-torch python3-numpy); --python names another interpreter."));
        }
    }
}
