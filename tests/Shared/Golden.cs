namespace Engine.Tests.Shared;

/// <summary>
/// Finds the golden files: in the folder that <c>ENGINE_GOLDEN</c> names, in <c>tests/golden</c>, or in <c>shared/data/golden</c>
/// beside the checkout (the large ones are not committed). A test whose file is nowhere is skipped and counted.
/// </summary>
public static class Golden
{
    /// <summary>Root of the checkout: the folder that holds Engine.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Full path of a golden file or folder.</summary>
    public static string Path(string name)
    {
        foreach (string? folder in new[]
        {
            Environment.GetEnvironmentVariable("ENGINE_GOLDEN"),
            System.IO.Path.Combine(Root, "tests", "golden"),
            System.IO.Path.Combine(Root, "..", "shared", "data", "golden"),
        })
        {
            if (folder is null) continue;
            string path = System.IO.Path.Combine(folder, name);
            if (File.Exists(path) || Directory.Exists(path)) return path;
        }

        Assert.Skip($"golden file {name} is not here (too large to commit; see tests/golden/README.md)");
        return "";
    }

    /// <summary>Full path of a file or folder of the real data beside the checkout (Bridge clips, RLDS); skips where it is absent.</summary>
    public static string Data(string name)
    {
        string path = System.IO.Path.Combine(Root, "..", "shared", "data", name);
        if (!File.Exists(path) && !Directory.Exists(path)) Assert.Skip($"data {name} is not on this machine");
        return path;
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "Engine.sln"))) return folder.FullName;
        }

        return Environment.GetEnvironmentVariable("ENGINE_ROOT") ?? Directory.GetCurrentDirectory();
    }
}
