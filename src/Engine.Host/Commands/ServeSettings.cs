using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Engine.Host.Serving;

namespace Engine.Host.Commands;

/// <summary>Configuration of <c>engine serve</c>.</summary>
public sealed class ServeSettings
{
    /// <summary>Built-in name or folder of the policy.</summary>
    public string Policy { get; set; } = "";

    /// <summary>Address to listen on.</summary>
    public string Address { get; set; } = "127.0.0.1";

    /// <summary>Port; 0 takes a free one.</summary>
    [Range(0, 65535)]
    public int Port { get; set; } = 8000;

    /// <summary>Token that clients must send; the environment variable ENGINE_TOKEN where this is not set.</summary>
    public string? Token { get; set; }

    /// <summary>Serve beyond this machine without a token.</summary>
    public bool Insecure { get; set; }

    /// <summary>PEM file with the certificate, for TLS.</summary>
    public string? Certificate { get; set; }

    /// <summary>PEM file with the certificate's key.</summary>
    public string? CertificateKey { get; set; }

    /// <summary>Web origins that may connect besides the server's own.</summary>
    public List<string> AllowedOrigins { get; set; } = [];

    /// <summary>Open connections at most.</summary>
    [Range(1, 100_000)]
    public int MaxSessions { get; set; } = 256;

    /// <summary>Observations of different sessions in one inference at most.</summary>
    [Range(1, 1024)]
    public int MaxBatch { get; set; } = 16;

    /// <summary>Largest message (MiB).</summary>
    [Range(1, 1024)]
    public int MaxMessageMib { get; set; } = 32;

    /// <summary>Sampling temperature for clients that do not send one; 0 takes the most probable actions.</summary>
    [Range(0.0, 100.0)]
    public float Temperature { get; set; }

    /// <summary>Seed of the sampling.</summary>
    public ulong Seed { get; set; }

    /// <summary>Threads of one inference; 0 takes one a core.</summary>
    [Range(0, 1024)]
    public int Threads { get; set; }

    /// <summary>Idle inference threads spin: lower latency, busy cores.</summary>
    public bool Spin { get; set; }

    /// <summary>Number of the GPU that runs the policy's graph, through the CUDA provider of an own ONNX Runtime (ENGINE_ONNXRUNTIME); the processor where it is not set.</summary>
    [Range(0, 1023)]
    public int? CudaDevice { get; set; }

    /// <summary>Ignore images of cameras that the contract does not know.</summary>
    public bool IgnoreExtraCameras { get; set; }

    /// <summary>Answer failures of POST /act as OpenVLA's own server does.</summary>
    public bool OpenvlaCompatibility { get; set; }

    /// <summary>Path of a Unix-domain socket for pipe clients; none where this is not set.</summary>
    public string? Unix { get; set; }

    /// <summary>TCP port for pipe clients, 0 takes a free one; none where this is not set.</summary>
    [Range(0, 65535)]
    public int? PipePort { get; set; }

    /// <summary>Offer shared memory to clients of the Unix-domain socket.</summary>
    public bool SharedMemory { get; set; }

    /// <summary>TCP port for LeRobot's gRPC clients, 0 takes a free one; none where this is not set.</summary>
    [Range(0, 65535)]
    public int? GrpcPort { get; set; }

    /// <summary>TCP port for GR00T's ZeroMQ clients, 0 takes a free one; none where this is not set.</summary>
    [Range(0, 65535)]
    public int? ZmqPort { get; set; }

    /// <summary>Let ZeroMQ clients end the server.</summary>
    public bool AllowKill { get; set; }

    /// <summary>Parts of the state by GR00T's names, e.g. single_arm:5,gripper; the contract's names where this is not set.</summary>
    public string? GrootState { get; set; }

    /// <summary>Parts of the action by GR00T's names; the contract's names where this is not set.</summary>
    public string? GrootAction { get; set; }

    /// <summary>Actions carried out before the policy is asked again; the contract's number where this is not set.</summary>
    [Range(1, 100_000)]
    public int? ReplanEvery { get; set; }

    /// <summary>The server carries chunks out: a reply is one action, for one control step.</summary>
    public bool ExecuteChunks { get; set; }

    /// <summary>Chunks that are averaged over time, the newest included; 0: none.</summary>
    [Range(0, 1024)]
    public int Ensemble { get; set; }

    /// <summary>Temperature m of the weights exp(−m·k), k = 0 for the oldest chunk; 0.01 in ACT, negative favours new chunks.</summary>
    [Range(-100.0, 100.0)]
    public double EnsembleTemperature { get; set; } = 0.01;

    /// <summary>What happens to actions beyond the contract's limits; clamp where this is not set and the policy comes from a folder, none for echo, zero and replay.</summary>
    public LimitMode? Limits { get; set; }

    /// <summary>Control steps for which a wish to open or close a relative gripper is held; 0: the gripper's number is sent as it is.</summary>
    [Range(0, 10_000)]
    public int StickyGripper { get; set; }

    /// <summary>Folder to record every episode in; none where this is not set.</summary>
    public string? Record { get; set; }

    /// <summary>Policies that a client may switch to: a YAML file that maps names to folders; none where this is not set.</summary>
    public string? Catalogue { get; set; }

    /// <summary>The server's options.</summary>
    /// <exception cref="UsageException">The address is none, or only one of certificate and key is given, or shared memory without a socket's path.</exception>
    public ServeOptions ToOptions(Action<string>? log)
    {
        string address = Address == "localhost" ? "127.0.0.1" : Address;
        if (!IPAddress.TryParse(address, out var parsed))
            throw new UsageException($"address: '{Address}' is no IP address; expected e.g. 127.0.0.1 or 0.0.0.0");
        if (Certificate is null != CertificateKey is null) throw new UsageException("certificate and certificate_key go together; only one is given");
        if (SharedMemory && string.IsNullOrEmpty(Unix)) throw new UsageException("--shared-memory goes over a Unix-domain socket; name its path with --unix");
        string? token = Token ?? Environment.GetEnvironmentVariable("ENGINE_TOKEN");
        return new ServeOptions
        {
            Address = parsed,
            Port = Port,
            Token = string.IsNullOrEmpty(token) ? null : token,
            Insecure = Insecure,
            Certificate = Certificate is null ? null : X509Certificate2.CreateFromPemFile(Certificate, CertificateKey),
            AllowedOrigins = AllowedOrigins,
            MaxMessageBytes = MaxMessageMib << 20,
            MaxSessions = MaxSessions,
            MaxBatch = MaxBatch,
            Temperature = Temperature,
            Seed = Seed,
            IgnoreExtraCameras = IgnoreExtraCameras,
            OpenVlaCompatibility = OpenvlaCompatibility,
            UnixPath = string.IsNullOrEmpty(Unix) ? null : Path.GetFullPath(Unix),
            PipePort = PipePort,
            SharedMemory = SharedMemory,
            GrpcPort = GrpcPort,
            ZmqPort = ZmqPort,
            AllowKill = AllowKill,
            GrootState = GrootState,
            GrootAction = GrootAction,
            ReplanEvery = ReplanEvery,
            ExecuteChunks = ExecuteChunks,
            Ensemble = Ensemble == 0 ? null : new EnsembleOptions(Ensemble, EnsembleTemperature),
            Limits = Limits ?? LimitMode.None,
            StickyGripper = StickyGripper,
            Log = log,
        };
    }
}
