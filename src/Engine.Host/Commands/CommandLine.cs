using System.CommandLine;
using System.Runtime.InteropServices;
using Engine.Host.Configuration;
using Engine.Host.Progress;
using Engine.Runtime.Contract;

namespace Engine.Host.Commands;

/// <summary>
/// The program from its arguments to its exit code: 0 done, 1 failed, 2 called wrongly, 130 stopped by Ctrl-C (143 by SIGTERM).
/// A failure is one clear message on standard error; <c>--debug</c> adds the stack trace.
/// </summary>
public static class CommandLine
{
    public const int Failed = 1;
    public const int WrongUsage = 2;
    public const int Interrupted = 130;
    public const int Terminated = 143;

    /// <summary>Runs the program with every verb of <see cref="VerbCatalogue.All"/>.</summary>
    public static Task<int> RunAsync(string[] args, TextWriter output, TextWriter error) => RunAsync(args, output, error, VerbCatalogue.All());

    /// <summary>Runs the program with the given verbs.</summary>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error, IReadOnlyList<Verb> verbs)
    {
        var debug = new Option<bool>("--debug") { Description = "Show stack traces." };
        var quiet = new Option<bool>("--quiet", "-q") { Description = "No progress, no notes: results and errors only." };
        using var stop = new CancellationTokenSource();
        int stopCode = Interrupted;

        async Task<int> Invoke(Verb verb, ParseResult arguments, CancellationToken cancellation)
        {
            bool isQuiet = arguments.GetValue(quiet);
            using var progress = isQuiet ? null : new ConsoleProgress(error);
            var context = new VerbContext { Out = output, Progress = progress ?? (IProgressReporter)SilentProgress.Instance, Quiet = isQuiet };
            return await verb.RunAsync(arguments, context, cancellation);
        }

        void OnSignal(PosixSignalContext signal)
        {
            // The second signal ends the process at once, the way it would have without us.
            if (stop.IsCancellationRequested) return;
            signal.Cancel = true;
            stopCode = signal.Signal == PosixSignal.SIGTERM ? Terminated : Interrupted;
            error.WriteLine("engine: stopping at the next valid state (again to leave at once)");
            stop.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);

        var root = VerbCatalogue.Build(verbs, [debug, quiet], Invoke);
        var parsed = root.Parse(args.Length == 0 ? ["--help"] : args);
        // Help and version clear the errors of what stands around them.
        bool asksForHelp = parsed.Action is System.CommandLine.Invocation.SynchronousCommandLineAction { ClearsParseErrors: true };
        if (parsed.Errors.Count > 0 && !asksForHelp)
        {
            error.WriteLine($"engine: {UsageErrors.Describe(parsed)}");
            return WrongUsage;
        }

        try
        {
            var configuration = new InvocationConfiguration
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            return await parsed.InvokeAsync(configuration, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            error.WriteLine("engine: stopped");
            return stopCode;
        }
        catch (Exception failure)
        {
            error.WriteLine($"engine: {FailureMessage.Describe(failure)}");
            if (parsed.GetValue(debug)) error.WriteLine(failure);
            return FailureMessage.Unwrap(failure) is UsageException ? WrongUsage : Failed;
        }
    }
}
