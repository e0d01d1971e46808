namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// One specialisation of a kernel: which function of which source, compiled with which constants, and what it may use. Immutable and cheap to make;
/// <see cref="CudaStream.Launch(CudaKernel, CudaGrid, ReadOnlySpan{CudaArgument})"/> compiles and loads it at its first use. The source stands in the
/// operation's folder (<c>Ops/&lt;Op&gt;/&lt;Op&gt;.cu</c>); its functions are <c>extern "C"</c>. Kernels with the same source and defines share a module.
/// </summary>
public sealed record CudaKernel
{
    /// <summary>All architectures that kernels are compiled for without a GPU at hand.</summary>
    public static IReadOnlyList<string> AllArchitectures { get; } = ["sm_80", "sm_90a", "sm_100"];

    /// <summary>The source's path below <c>Ops</c>, e.g. <c>LayerNorm/LayerNorm.cu</c>.</summary>
    public required string Source { get; init; }

    /// <summary>The function's name in the source.</summary>
    public required string Function { get; init; }

    /// <summary>The constants, in an order that is always the same.</summary>
    public required IReadOnlyList<CudaDefine> Defines { get; init; }

    /// <summary>Threads in a block, on the first axis.</summary>
    public required int ThreadsPerBlock { get; init; }

    /// <summary>Shared memory asked for at launch, bytes.</summary>
    public int DynamicSharedBytes { get; init; }

    /// <summary>Most registers that a thread may take; checked against what the compiler made.</summary>
    public required int RegisterBudget { get; init; }

    /// <summary>Most shared memory that a block may take, static and dynamic together, bytes; checked likewise.</summary>
    public int SharedBudget { get; init; } = 48 << 10;

    /// <summary>Whether it stands in the denoising sweep: then nothing may be spilt to local memory.</summary>
    public bool Hot { get; init; }

    /// <summary>
    /// Whether it may begin before the kernel before it in the stream has ended (programmatic dependent launch, compute capability 9.0): it then waits itself, by
    /// <c>wait_for_previous_kernel()</c>, before it touches what earlier kernels touch. What it reads before that the previous kernel must not write.
    /// </summary>
    public bool Overlaps { get; init; }

    /// <summary>Whether the compiler may use its fast division, square root and transcendental functions.</summary>
    public bool FastMath { get; init; }

    /// <summary>The architectures that the source has this kernel for; of <see cref="AllArchitectures"/>.</summary>
    public IReadOnlyList<string> Architectures { get; init; } = AllArchitectures;

    /// <summary>What tells this kernel's module from others: source and defines.</summary>
    public string Module => Source + string.Concat(Defines.Select(define => $"|{define.Name}={define.Value}")) + (FastMath ? "|fast" : "");

    /// <summary>Function and constants, for messages.</summary>
    public override string ToString() => $"{Function}({string.Join(", ", Defines.Select(define => $"{define.Name}={define.Value}"))})";

    public bool Equals(CudaKernel? other) => other is not null && Function == other.Function && Module == other.Module
        && ThreadsPerBlock == other.ThreadsPerBlock && DynamicSharedBytes == other.DynamicSharedBytes;

    public override int GetHashCode() => HashCode.Combine(Function, Source, Defines.Count, ThreadsPerBlock);
}
