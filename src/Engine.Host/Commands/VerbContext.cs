using Engine.Runtime.Contract;

namespace Engine.Host.Commands;

/// <summary>What a verb may use of the terminal.</summary>
public sealed class VerbContext
{
    /// <summary>Results go here (standard output).</summary>
    public required TextWriter Out { get; init; }

    /// <summary>Bars and notes; silent under <c>--quiet</c>.</summary>
    public required IProgressReporter Progress { get; init; }

    /// <summary>The user wants results and errors only.</summary>
    public required bool Quiet { get; init; }

    /// <summary>Root of the checkout that the program was built in (the folder that holds Engine.sln), or null when it was installed elsewhere.</summary>
    public static string? Checkout { get; } = FindCheckout();

    private static string? FindCheckout()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Engine.sln"))) return folder.FullName;
        }

        return null;
    }
}
