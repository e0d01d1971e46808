using System.Net;
using System.Security.Cryptography.X509Certificates;
using Engine.Host.Serving.Recording;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>How a policy is served.</summary>
public sealed record ServeOptions
{
    /// <summary>Address to listen on. Any but a loopback address needs a <see cref="Token"/>, or <see cref="Insecure"/> said aloud.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>Port; 0 takes a free one (see <see cref="PolicyServer.Port"/>).</summary>
    public int Port { get; init; } = 8000;

    /// <summary>When set, every request but <c>/healthz</c> must carry <c>Authorization: Api-Key …</c> or <c>Bearer …</c> with it.</summary>
    public string? Token { get; init; }

    /// <summary>Serve beyond this machine without a token.</summary>
    public bool Insecure { get; init; }

    /// <summary>Serve TLS with this certificate.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>Web origins that may connect besides the server's own; requests without an Origin header (programs, robots) are not concerned.</summary>
    public IReadOnlyList<string> AllowedOrigins { get; init; } = [];

    /// <summary>Largest message (bytes).</summary>
    public int MaxMessageBytes { get; init; } = 32 << 20;

    /// <summary>Open connections at most; one more is refused with 503.</summary>
    public int MaxSessions { get; init; } = 256;

    /// <summary>Observations of different sessions that are merged into one inference at most.</summary>
    public int MaxBatch { get; init; } = 16;

    /// <summary>Longest instruction (characters).</summary>
    public int MaxPromptCharacters { get; init; } = 4096;

    /// <summary>How long a message may take from its first byte to its last.</summary>
    public TimeSpan MessageTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the end waits for requests in progress.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Sampling temperature for clients that do not send one; 0 takes the most probable actions.</summary>
    public float Temperature { get; init; }

    /// <summary>Seed of the sampling.</summary>
    public ulong Seed { get; init; }

    /// <summary>Ignore images under keys that the contract does not know, instead of refusing them.</summary>
    public bool IgnoreExtraCameras { get; init; }

    /// <summary>A request without a state is one whose state is hidden, as in training; for OpenVLA's clients, which know none.</summary>
    internal bool HideMissingState { get; init; }

    /// <summary>Answer failures of <c>POST /act</c> as OpenVLA's own server does: status 200 and the JSON string <c>"error"</c>.</summary>
    public bool OpenVlaCompatibility { get; init; }

    /// <summary>Path of a Unix-domain socket to listen on for pipe clients, mode 0600; none when null.</summary>
    public string? UnixPath { get; init; }

    /// <summary>TCP port to listen on for pipe clients, on <see cref="Address"/> with a token, on loopback without; 0 takes a free one; none when null.</summary>
    public int? PipePort { get; init; }

    /// <summary>Offer shared memory to the clients of <see cref="UnixPath"/>.</summary>
    public bool SharedMemory { get; init; }

    /// <summary>TCP port to listen on for LeRobot's gRPC clients (HTTP/2), on <see cref="Address"/>; 0 takes a free one; none when null.</summary>
    public int? GrpcPort { get; init; }

    /// <summary>TCP port to listen on for GR00T's ZeroMQ clients, on <see cref="Address"/>; 0 takes a free one; none when null.</summary>
    public int? ZmqPort { get; init; }

    /// <summary>Let ZeroMQ clients end the server (GR00T's endpoint <c>kill</c>).</summary>
    public bool AllowKill { get; init; }

    /// <summary>Parts of the state by GR00T's names, e.g. <c>single_arm:5,gripper</c>; the contract's names when null.</summary>
    public string? GrootState { get; init; }

    /// <summary>Parts of the action by GR00T's names; the contract's names when null.</summary>
    public string? GrootAction { get; init; }

    /// <summary>Where episodes are recorded; nowhere when null.</summary>
    public RecordingOptions? Recording { get; init; }

    /// <summary>Policies that INT-ACT's clients may switch to, by name; the server disposes of those that it has opened.</summary>
    public IReadOnlyDictionary<string, Func<IPolicy>> Catalogue { get; init; } = new Dictionary<string, Func<IPolicy>>();

    /// <summary>Further policies by name, each at the WebSocket path <c>/policies/name</c> with a queue of its own; they stay the caller's.</summary>
    public IReadOnlyDictionary<string, IPolicy> Beside { get; init; } = new Dictionary<string, IPolicy>();

    /// <summary>Actions carried out before the policy is asked again, 1 to its horizon; the contract's number when null.</summary>
    public int? ReplanEvery { get; init; }

    /// <summary>
    /// The server carries chunks out: a request is one control step and its reply one action, and the policy is asked every <see cref="ReplanEvery"/> requests.
    /// Otherwise a reply is a whole chunk, and its client does so.
    /// </summary>
    public bool ExecuteChunks { get; init; }

    /// <summary>How chunks that overlap are averaged; not at all when null.</summary>
    public EnsembleOptions? Ensemble { get; init; }

    /// <summary>What happens to actions beyond the contract's step limits or workspace.</summary>
    public LimitMode Limits { get; init; }

    /// <summary>Control steps for which a wish to open or close the gripper is held, and the gripper's number turned into the relative command of such a gripper; 0: neither.</summary>
    public int StickyGripper { get; init; }

    /// <summary>Stack of a session's own thread (bytes).</summary>
    internal const int SessionStackBytes = 512 << 10;

    /// <summary>What the live page shows.</summary>
    internal LiveSessions? Live { get; init; }

    /// <summary>The server's recorder.</summary>
    internal EpisodeRecorder? Recorder { get; init; }

    /// <summary>Where failures are noted, one line each; nowhere when null.</summary>
    public Action<string>? Log { get; init; }

    /// <summary>Refuses what contradicts itself or lets others in unasked.</summary>
    /// <exception cref="ArgumentException">The message says which option, and what is expected.</exception>
    internal static void Check(ServeOptions options)
    {
        if (!IPAddress.IsLoopback(options.Address) && options.Token is null && !options.Insecure)
        {
            throw new ArgumentException(
                $"serving on {options.Address} lets other machines drive the policy: set a token (token=…, or ENGINE_TOKEN), or say --insecure.", nameof(options));
        }

        if (options.Token is { Length: < 8 }) throw new ArgumentException("the token has fewer than 8 characters.", nameof(options));
        if (options.PipePort is < 0 or > 65535)
            throw new ArgumentOutOfRangeException(nameof(options), options.PipePort, "expected a pipe port of 0 to 65535");
        if (options.GrpcPort is < 0 or > 65535)
            throw new ArgumentOutOfRangeException(nameof(options), options.GrpcPort, "expected a gRPC port of 0 to 65535");
        if (options.ZmqPort is < 0 or > 65535)
            throw new ArgumentOutOfRangeException(nameof(options), options.ZmqPort, "expected a ZeroMQ port of 0 to 65535");
        if (options.SharedMemory && options.UnixPath is null)
            throw new ArgumentException("shared memory goes over a Unix-domain socket: name its path too (--unix).", nameof(options));
        if (options.SharedMemory && !(OperatingSystem.IsLinux() && Environment.Is64BitProcess))
            throw new ArgumentException("shared memory needs 64-bit Linux.", nameof(options));
        if (options.Port is < 0 or > 65535) throw new ArgumentOutOfRangeException(nameof(options), options.Port, "expected a port of 0 to 65535");
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxMessageBytes, 1024, nameof(options.MaxMessageBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxSessions, 1, nameof(options.MaxSessions));
        if (!(options.Temperature >= 0)) throw new ArgumentOutOfRangeException(nameof(options), options.Temperature, "expected a temperature of 0 or more");
    }
}
