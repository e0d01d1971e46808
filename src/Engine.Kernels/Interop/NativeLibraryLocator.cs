using System.Reflection;
using System.Runtime.InteropServices;

namespace Engine.Kernels.Interop;

/// <summary>Finds Engine's own native libraries (<c>libeng_*.so</c>), which the launcher builds into <c>artifacts/native</c>.</summary>
public static class NativeLibraryLocator
{
    /// <summary>
    /// Full path of <c>lib{name}.so</c>: in the folder that the environment variable <c>ENGINE_NATIVE</c> names, beside the program,
    /// or in <c>artifacts/native</c> of the checkout that the program was built in.
    /// </summary>
    /// <exception cref="DllNotFoundException">The library is nowhere; the message says how to build it.</exception>
    public static string Find(string name) => TryFind(name) ?? throw new DllNotFoundException(
        $"lib{name}.so was not found (looked in $ENGINE_NATIVE, beside the program and in artifacts/native). Run ./engine doctor, which builds it.");

    /// <summary>
    /// Lets an assembly's imports of <c>{name}</c> find the library at their first call; to be called once, from a module initializer. A call that
    /// fails says why and can be made again.
    /// </summary>
    public static void ServeImports(Assembly assembly, string name)
    {
        // The runtime asks for every function anew: only the first one looks for the file. Two threads that both do get the same handle.
        nint library = 0;
        NativeLibrary.SetDllImportResolver(assembly, (wanted, _, _) =>
        {
            if (wanted != name) return 0;
            if (library == 0) library = NativeLibrary.Load(Find(name));
            return library;
        });
    }

    /// <summary>As <see cref="Find"/>, or null where the library is absent.</summary>
    public static string? TryFind(string name)
    {
        string file = $"lib{name}.so";
        if (Environment.GetEnvironmentVariable("ENGINE_NATIVE") is { Length: > 0 } folder && File.Exists(Path.Combine(folder, file)))
            return Path.GetFullPath(Path.Combine(folder, file));
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, file))) return Path.Combine(at.FullName, file);
            string built = Path.Combine(at.FullName, "artifacts", "native", file);
            if (File.Exists(built)) return built;
        }

        return null;
    }
}
