using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Engine.Tests.Shared;

namespace Engine.Host.Tests.Launcher;

/// <summary>
/// A small checkout with a copy of the launcher, on a PATH whose dotnet, cmake, apt-get … only write down that they were called.
/// </summary>
internal sealed class FakeCheckout : IDisposable
{
    private static readonly string[] RealTools =
    [
        "bash", "basename", "cat", "cksum", "cp", "dirname", "env", "find", "flock", "grep", "head", "mkdir", "nproc", "readlink", "sed",
        "sleep", "sort", "stat", "tail", "tee", "timeout", "uniq",
    ];

    private readonly ConcurrentQueue<string> _errors = [];
    private readonly string _base = Directory.CreateTempSubdirectory("engine-launcher-").FullName;

    public FakeCheckout()
    {
        Root = Path.Combine(_base, "checkout");
        Bin = Path.Combine(_base, "bin");
        Directory.CreateDirectory(Bin);
        Write("Engine.sln", "");
        Write("src/A.cs", "class A;");
        Write("native/CMakeLists.txt", "");
        Write("native/onnxruntime/fetch.sh", "echo onnxruntime >> \"$CALLS\"; mkdir -p \"$1\"; : > \"$1/libonnxruntime.so.1\"");
        Write("native/cuda/nvrtc/fetch.sh", "echo nvrtc >> \"$CALLS\"; if [ -e \"$OFFLINE\" ]; then echo no network; exit 1; fi; mkdir -p \"$1\"; : > \"$1/libnvrtc.so.12\"");
        Directory.CreateDirectory(Path.Combine(Root, "tests"));
        File.Copy(Path.Combine(Golden.Root, "engine"), Launcher);
        WriteScript(Path.Combine(Root, "program"), "echo \"program $*\"; env; exit 5");
        foreach (string tool in RealTools)
        {
            string real = new[] { "/usr/bin", "/bin" }.Select(folder => Path.Combine(folder, tool)).First(File.Exists);
            File.CreateSymbolicLink(Path.Combine(Bin, tool), real);
        }

        Tool("id", "echo 0");
        Tool("g++", "");
        Tool("npm", "");
        Tool("cmake", "echo \"cmake $1\" >> \"$CALLS\"; mkdir -p \"$ROOT/artifacts/native/build\"");
        Tool("apt-get", "echo \"apt-get $*\" >> \"$CALLS\"; if [ \"$1\" = install ]; then : > \"$INSTALLED\"; fi");
        // Packages are installed unless the file "missing" is there and apt-get has not been called.
        Tool("dpkg-query", "if [ -e \"$MISSING\" ] && [ ! -e \"$INSTALLED\" ] && [ \"$4\" = libmujoco-dev ]; then exit 1; fi; echo -n installed");
        Tool("dotnet", """
            case "$1" in
              --list-sdks) echo "10.0.401 [/nowhere]" ;;
              build)
                echo "dotnet build ${2##*/}" >> "$CALLS"
                if [ -e "$BROKEN" ]; then echo "src/A.cs(1,1): error CS0001: something is wrong"; exit 1; fi
                while [ -e "$SLOW" ]; do sleep 0.05; done
                mkdir -p "$ROOT/artifacts/bin/Engine.Host/release"
                cp "$ROOT/program" "$ROOT/artifacts/bin/Engine.Host/release/Engine.Host" ;;
              format)
                echo "dotnet format" >> "$CALLS"
                if [ -e "$UNFORMATTED" ]; then echo "src/A.cs(1,1): error WHITESPACE: Fix whitespace formatting."; exit 2; fi ;;
            esac
            """);
    }

    public string Root { get; }

    public string Bin { get; }

    /// <summary>Further variables for the launcher.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    public string Launcher => Path.Combine(Root, "engine");

    /// <summary>Calls of the fake tools since the last look.</summary>
    public string[] TakeCalls()
    {
        string file = Path.Combine(_base, "calls");
        if (!File.Exists(file)) return [];
        string[] calls = File.ReadAllLines(file);
        File.Delete(file);
        return calls;
    }

    /// <summary>Sets one of the switches that the fake tools look at: missing, broken, slow, unformatted, offline.</summary>
    public void Switch(string name, bool on)
    {
        string file = Path.Combine(_base, name);
        if (on) File.WriteAllText(file, "");
        else File.Delete(file);
    }

    public void Write(string path, string content)
    {
        string file = Path.Combine(Root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
    }

    /// <summary>Puts a script on the PATH in place of a program.</summary>
    public void Tool(string name, string script) => WriteScript(Path.Combine(Bin, name), script);

    /// <summary>Makes a test project whose executable is the given script.</summary>
    public void TestProject(string name, string script)
    {
        Directory.CreateDirectory(Path.Combine(Root, "tests", name));
        string folder = Path.Combine(Root, "artifacts", "bin", name, "release");
        Directory.CreateDirectory(folder);
        WriteScript(Path.Combine(folder, name), script);
    }

    public (int Status, string Output, string Error) Run(params string[] arguments) => Start(Launcher, arguments).GetAwaiter().GetResult();

    public async Task<(int Status, string Output, string Error)> Start(string launcher, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(Bin, "bash"), [launcher, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _base,
        };
        start.Environment.Clear();
        start.Environment["PATH"] = Bin;
        start.Environment["OPENBLAS_CORETYPE"] = "Haswell";
        start.Environment["ROOT"] = Root;
        foreach (var (name, value) in Environment) start.Environment[name] = value;
        start.Environment["CALLS"] = Path.Combine(_base, "calls");
        foreach (string name in new[] { "missing", "installed", "broken", "slow", "unformatted", "offline" })
            start.Environment[name.ToUpperInvariant()] = Path.Combine(_base, name);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = new StringBuilder();
        while (await process.StandardError.ReadLineAsync() is { } line)
        {
            error.Append(line).Append('\n');
            _errors.Enqueue(line);
        }

        await process.WaitForExitAsync();
        return (process.ExitCode, await output, error.ToString());
    }

    /// <summary>Waits until a fake tool has been called so.</summary>
    public Task WaitForCall(string begin) => WaitUntil(() =>
    {
        string file = Path.Combine(_base, "calls");
        return File.Exists(file) && File.ReadAllLines(file).Any(call => call.StartsWith(begin, StringComparison.Ordinal));
    });

    /// <summary>Waits until a launcher that was started has written this to standard error.</summary>
    public Task WaitForError(string text) => WaitUntil(() => _errors.Any(line => line.Contains(text, StringComparison.Ordinal)));

    public void Dispose() => Directory.Delete(_base, recursive: true);

    private static async Task WaitUntil(Func<bool> condition)
    {
        for (int i = 0; !condition(); i++)
        {
            Assert.True(i < 6000, "it did not happen within five minutes");
            await Task.Delay(50);
        }
    }

    private static void WriteScript(string path, string script)
    {
        File.Delete(path);
        File.WriteAllText(path, $"#!/usr/bin/env bash\n{script}\n");
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException("The launcher runs on Linux.");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
