using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>libtorch in this process: loaded at the first use (about half a second), never unloaded.</summary>
public static class TorchRuntime
{
    private static readonly Lock Gate = new();
    private static volatile bool s_ready;

    /// <summary>Version of libtorch, such as <c>1.13.1</c>.</summary>
    public static string Version
    {
        get
        {
            EnsureInitialised();
            return Marshal.PtrToStringUTF8(TorchNative.eng_torch_version()) ?? "";
        }
    }

    /// <summary>Threads that one operator may use.</summary>
    public static int Threads
    {
        get
        {
            EnsureInitialised();
            return TorchNative.eng_torch_threads();
        }
    }

    /// <summary>Whether this libtorch was built with CUDA.</summary>
    public static bool HasCuda => Cuda().Built;

    /// <summary>GPUs that libtorch sees.</summary>
    public static int CudaDeviceCount => Cuda().Count;

    /// <summary>
    /// What is wrong with the environment variables that libtorch's thread pool and BLAS read when the process starts, or null.
    /// Spinning OpenMP threads made two threads ten times slower than one; a wrong BLAS kernel halves its speed.
    /// </summary>
    public static string? SettingsWarning
    {
        get
        {
            var wrong = new List<string>();
            if (!string.Equals(Environment.GetEnvironmentVariable("OMP_WAIT_POLICY"), "passive", StringComparison.OrdinalIgnoreCase))
                wrong.Add("OMP_WAIT_POLICY is not passive: idle threads spin and slow the others down");
            if (Avx512F.IsSupported && Environment.GetEnvironmentVariable("OPENBLAS_CORETYPE") is not ("SkylakeX" or "Cooperlake" or "SapphireRapids"))
                wrong.Add("OPENBLAS_CORETYPE is not SkylakeX: matrix products may not use AVX-512");
            return wrong.Count == 0 ? null : string.Join("; ", wrong) + ". Start through ./engine, which sets both.";
        }
    }

    /// <summary>Loads libtorch, or changes the thread count where it is loaded already.</summary>
    /// <param name="threads">Threads that one operator may use, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">threads is below 1.</exception>
    /// <exception cref="DllNotFoundException">libeng_torch.so or libtorch itself is absent; the message says what to run.</exception>
    /// <exception cref="TorchException">libeng_torch.so is of another version than this program.</exception>
    public static void Initialise(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        lock (Gate)
        {
            if (!s_ready) CheckVersion();
            if (TorchNative.eng_torch_set_threads(threads) != 0) throw new TorchException(TorchNative.LastError());
            s_ready = true;
        }
    }

    /// <summary>
    /// Turns this library's own loops over the processor's memory off: fused operations, optimizer and group norm are then libtorch's operations, as on
    /// every other device. For the whole process, to find faults; returns what it was.
    /// </summary>
    public static bool SetOwnKernels(bool on)
    {
        EnsureInitialised();
        return TorchNative.eng_torch_set_own_kernels(on ? 1 : 0) != 0;
    }

    /// <summary>Loads libtorch with one thread a processor, where nothing has loaded it yet.</summary>
    internal static void EnsureInitialised()
    {
        if (s_ready) return;
        lock (Gate)
        {
            if (!s_ready) Initialise(Environment.ProcessorCount);
        }
    }

    private static (bool Built, int Count) Cuda()
    {
        EnsureInitialised();
        if (TorchNative.eng_torch_cuda(out int built, out int count) != 0) throw new TorchException($"libtorch's CUDA: {TorchNative.LastError()}");
        return (built != 0, count);
    }

    private static void CheckVersion()
    {
        int version = TorchNative.eng_torch_abi_version();
        if (version != TorchNative.AbiVersion)
        {
            throw new TorchException(
                $"libeng_torch.so has ABI version {version}, this program needs {TorchNative.AbiVersion}. Run ./engine doctor, which builds it anew.");
        }
    }
}
