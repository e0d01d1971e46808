using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Engine.Kernels.Interop;

namespace Engine.Host.Realtime.Interop;

/// <summary>The C ABI of <c>libeng_realtime.so</c> (native/realtime/eng_realtime.h).</summary>
internal static unsafe partial class RealtimeNative
{
    internal const int MaxWidth = 32;
    private const int AbiVersion = 1;
    private const string Library = "eng_realtime";
    private static readonly Lazy<int> s_handshake = new(Handshake);

#pragma warning disable CA2255 // A resolver can only be set once per assembly, before its first native call.
    [ModuleInitializer]
    internal static void SetResolver() => NativeLibraryLocator.ServeImports(typeof(RealtimeNative).Assembly, Library);
#pragma warning restore CA2255

    [StructLayout(LayoutKind.Sequential)]
    internal struct Dimension
    {
        public int Kind;
        public int Zero;
        public double Low, High, Velocity, Acceleration, Safe;
    }

    [InlineArray(MaxWidth)]
    internal struct Dimensions
    {
        private Dimension _first;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Config
    {
        public int Width, Horizon;
        public double Rate;
        public int TicksPerAction, HoldTicks, RampTicks, Refuse, AutoResume, Zero;
        public long HeartbeatNs, ObservationNs;
        public Dimensions Dimensions;
    }

    /// <summary>Loads the library and compares its version.</summary>
    internal static void Ensure() => _ = s_handshake.Value;

    internal static void Check(int status)
    {
        if (status == 0) return;
        byte* text = stackalloc byte[512];
        string message = LastError(text, 512) == 0 ? Marshal.PtrToStringUTF8((nint)text) ?? "" : "";
        throw new RealtimeException((RealtimeStatus)status, message);
    }

    [LibraryImport(Library, EntryPoint = "eng_rt_bucket_ns")]
    internal static partial long BucketNs(int bucket);

    [LibraryImport(Library, EntryPoint = "eng_rt_create", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Create(string path, in Config config, ulong size, out TickHandle tick);

    [LibraryImport(Library, EntryPoint = "eng_rt_step")]
    internal static partial int Step(TickHandle tick, long now);

    [LibraryImport(Library, EntryPoint = "eng_rt_start")]
    internal static partial int Start(TickHandle tick, int priority, int lockMemory);

    [LibraryImport(Library, EntryPoint = "eng_rt_finish")]
    internal static partial int Finish(TickHandle tick);

    [LibraryImport(Library, EntryPoint = "eng_rt_destroy")]
    internal static partial int Destroy(nint tick);

    [LibraryImport(Library, EntryPoint = "eng_rt_attach", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Attach(string path, int writer, out RingHandle ring);

    [LibraryImport(Library, EntryPoint = "eng_rt_detach")]
    internal static partial int Detach(nint ring);

    [LibraryImport(Library, EntryPoint = "eng_rt_describe")]
    internal static partial int Describe(RingHandle ring, out Config config, ulong size);

    [LibraryImport(Library, EntryPoint = "eng_rt_submit")]
    internal static partial int Submit(RingHandle ring, ulong sequence, long observed, long first, float* actions, int rows);

    [LibraryImport(Library, EntryPoint = "eng_rt_next_sequence")]
    internal static partial int NextSequence(RingHandle ring, out ulong sequence);

    [LibraryImport(Library, EntryPoint = "eng_rt_anchor")]
    internal static partial int Anchor(RingHandle ring, float* position);

    [LibraryImport(Library, EntryPoint = "eng_rt_beat")]
    internal static partial int Beat(RingHandle ring);

    [LibraryImport(Library, EntryPoint = "eng_rt_resume")]
    internal static partial int Resume(RingHandle ring);

    [LibraryImport(Library, EntryPoint = "eng_rt_stop")]
    internal static partial int Stop(RingHandle ring);

    [LibraryImport(Library, EntryPoint = "eng_rt_read")]
    internal static partial int Read(RingHandle ring, ulong tick, out TickPublication publication, ulong size);

    [LibraryImport(Library, EntryPoint = "eng_rt_wait")]
    internal static partial int Wait(RingHandle ring, ulong after, long timeout);

    [LibraryImport(Library, EntryPoint = "eng_rt_read_status")]
    internal static partial int ReadStatus(RingHandle ring, out TickStatus status, ulong size);

    [LibraryImport(Library, EntryPoint = "eng_rt_abi_version")]
    private static partial int GetAbiVersion(out int version);

    [LibraryImport(Library, EntryPoint = "eng_rt_last_error")]
    private static partial int LastError(byte* text, int capacity);

    private static int Handshake()
    {
        Check(GetAbiVersion(out int version));
        return version == AbiVersion
            ? version
            : throw new DllNotFoundException($"libeng_realtime.so has ABI version {version}, this program needs {AbiVersion}: rebuild it (./engine setup).");
    }
}
