using System.Reflection;
using System.Text.RegularExpressions;

namespace Engine.Host.Commands;

/// <summary>Turns an exception into the one message that the user reads.</summary>
internal static partial class FailureMessage
{
    private const int NoSpace = 28; // ENOSPC, which .NET passes on as the HResult

    public static string Describe(Exception failure)
    {
        var cause = Unwrap(failure);
        return cause switch
        {
            IOException { HResult: NoSpace } =>
                $"no space is left on the device. Free some and call again; what was finished is kept. ({Plain(cause.Message)})",
            OutOfMemoryException => $"memory ran out. Make the batch, the number of environments or the model smaller. ({Plain(cause.Message)})",
            UnauthorizedAccessException => $"{Plain(cause.Message)} Check the permissions, or choose another folder.",
            NullReferenceException or IndexOutOfRangeException or InvalidCastException or KeyNotFoundException
                or ArithmeticException or System.Diagnostics.UnreachableException =>
                $"{Plain(cause.Message)} This is a fault of the program: --debug shows where.",
            _ => Plain(cause.Message),
        };
    }

    /// <summary>The exception that says what happened, below those that only carry it.</summary>
    public static Exception Unwrap(Exception failure)
    {
        while (failure is AggregateException or TypeInitializationException or TargetInvocationException && failure.InnerException is { } inner) failure = inner;
        return failure;
    }

    private static string Plain(string message) => ParameterSuffix().Replace(message, "").Trim();

    [GeneratedRegex(@"\s*\(Parameter '[^']*'\)")]
    private static partial Regex ParameterSuffix();
}
