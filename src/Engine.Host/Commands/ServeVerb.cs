using System.CommandLine;
using Engine.Host.Configuration;
using Engine.Host.Serving;
using Engine.Host.Serving.Recording;
using Engine.Runtime.Contract;
using Engine.Runtime.Onnx;

namespace Engine.Host.Commands;

/// <summary>Serves one policy over the protocols of openpi, OpenVLA, LeRobot and GR00T and over local pipes until it is stopped.</summary>
public sealed class ServeVerb : Verb
{
    private readonly Option<string?> _policy = new("--policy", "-p") { Description = "Folder of an exported policy, a run's folder, echo or zero (no model), or replay:FOLDER (a recording's answers).", HelpName = "folder" };
    private readonly Option<string?> _address = new("--address", "--host") { Description = "Address to listen on; any but loopback needs a token or --insecure.", HelpName = "ip" };
    private readonly Option<int?> _port = new("--port") { Description = "Port; 0 takes a free one. 8000 unless configured.", HelpName = "number" };
    private readonly Option<ulong?> _seed = new("--seed") { Description = "Seed of the sampling.", HelpName = "number" };
    private readonly Option<string?> _token = new("--token") { Description = "Token that clients must send; ENGINE_TOKEN keeps it out of the process list.", HelpName = "text" };
    private readonly Option<string?> _certificate = new("--tls-cert") { Description = "PEM file with the certificate, for TLS.", HelpName = "file.pem" };
    private readonly Option<string?> _key = new("--tls-key") { Description = "PEM file with the certificate's key.", HelpName = "file.pem" };
    private readonly Option<string?> _record = new("--record") { Description = "Record every episode in a folder that train --data, data show and replay read.", HelpName = "folder" };
    private readonly Option<string?> _catalogue = new("--catalogue") { Description = "YAML file of names and policies' folders that INT-ACT's clients may switch to.", HelpName = "file.yaml" };
    private readonly Option<string[]> _beside = new("--beside") { Description = "A further policy at the WebSocket path /policies/NAME; may be given again.", HelpName = "name=folder", AllowMultipleArgumentsPerToken = false, DefaultValueFactory = _ => [] };
    private readonly Option<bool> _insecure = new("--insecure") { Description = "Serve beyond this machine without a token." };
    private readonly Option<bool> _openVla = new("--openvla-compat") { Description = "Answer failures of POST /act as OpenVLA's own server does." };
    private readonly Option<string?> _unix = new("--unix") { Description = "Listen on a Unix-domain socket too, for pipe clients.", HelpName = "path" };
    private readonly Option<int?> _pipePort = new("--pipe-port") { Description = "Listen on a TCP port too, for pipe clients; 0 takes a free one.", HelpName = "number" };
    private readonly Option<bool> _sharedMemory = new("--shared-memory") { Description = "Offer shared memory to clients of --unix." };
    private readonly Option<int?> _grpcPort = new("--grpc-port") { Description = "Listen on a TCP port too, for LeRobot's gRPC clients (they expect 8080); 0 takes a free one.", HelpName = "number" };
    private readonly Option<int?> _zmqPort = new("--zmq-port") { Description = "Listen on a TCP port too, for GR00T's ZeroMQ clients (they expect 5555); 0 takes a free one.", HelpName = "number" };
    private readonly Option<bool> _allowKill = new("--allow-kill") { Description = "Let ZeroMQ clients end the server (endpoint kill)." };
    private readonly Option<string?> _config = new("--config", "-c") { Description = "YAML file with further settings.", HelpName = "file.yaml" };
    private readonly Argument<string[]> _settings = new("key=value") { Description = "Settings, e.g. max_batch=8 threads=1.", Arity = ArgumentArity.ZeroOrMore };

    public override string Name => "serve";

    public override string Summary => "Serve a policy to robots and simulators (openpi, OpenVLA, LeRobot, GR00T, local pipes).";

    public override IReadOnlyList<string> Examples =>
    [
        "serve --policy runs/quickstart/policies/online",
        "serve --policy echo --port 0",
        "serve --policy runs/quickstart/policies/online --record recordings/monday",
        "serve --policy echo --unix /tmp/engine.sock --shared-memory",
        "serve --policy echo --grpc-port 8080 --zmq-port 5555",
        "serve --policy runs/quickstart/policies/online --beside cautious=runs/quickstart/policies/bc",
        "serve --policy runs/quickstart/policies/bc --address 0.0.0.0 token=secret max_batch=8",
    ];

    public override void Configure(Command command)
    {
        command.Add(_settings);
        foreach (Option option in new Option[] { _policy, _address, _port, _seed, _token, _certificate, _key, _record, _catalogue, _beside, _insecure, _openVla, _unix, _pipePort, _sharedMemory, _grpcPort, _zmqPort, _allowKill, _config }) command.Add(option);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        var settings = ConfigurationLoader.Load<ServeSettings>(arguments.GetValue(_config), arguments.GetValue(_settings) ?? []);
        settings.Policy = arguments.GetValue(_policy) ?? settings.Policy;
        settings.Address = arguments.GetValue(_address) ?? settings.Address;
        settings.Port = arguments.GetValue(_port) ?? settings.Port;
        settings.Seed = arguments.GetValue(_seed) ?? settings.Seed;
        settings.Token = arguments.GetValue(_token) ?? settings.Token;
        settings.Certificate = arguments.GetValue(_certificate) ?? settings.Certificate;
        settings.CertificateKey = arguments.GetValue(_key) ?? settings.CertificateKey;
        settings.Record = arguments.GetValue(_record) ?? settings.Record;
        settings.Catalogue = arguments.GetValue(_catalogue) ?? settings.Catalogue;
        settings.Insecure |= arguments.GetValue(_insecure);
        settings.OpenvlaCompatibility |= arguments.GetValue(_openVla);
        settings.Unix = arguments.GetValue(_unix) ?? settings.Unix;
        settings.PipePort = arguments.GetValue(_pipePort) ?? settings.PipePort;
        settings.SharedMemory |= arguments.GetValue(_sharedMemory);
        settings.GrpcPort = arguments.GetValue(_grpcPort) ?? settings.GrpcPort;
        settings.ZmqPort = arguments.GetValue(_zmqPort) ?? settings.ZmqPort;
        settings.AllowKill |= arguments.GetValue(_allowKill);
        if (settings.Policy.Length == 0) throw new UsageException("--policy is missing; name the folder of an exported policy, or echo");
        foreach (var (option, port) in new (Option, int?)[] { (_port, settings.Port), (_pipePort, settings.PipePort), (_grpcPort, settings.GrpcPort), (_zmqPort, settings.ZmqPort) })
        {
            if (port is < 0 or > 65535) throw new UsageException($"{option.Name} is {port}; expected 0 … 65535");
        }

        var session = new OnnxSessionOptions { Threads = settings.Threads, AllowSpinning = settings.Spin, CudaDevice = settings.CudaDevice };
        var options = settings.ToOptions(context.Progress.Note) with
        {
            Recording = settings.Record is { } folder ? new RecordingOptions(Path.GetFullPath(folder), settings.Policy, PolicyLocation.Sha256(settings.Policy)) : null,
            Catalogue = settings.Catalogue is { } file ? PolicyCatalogue.Read(file, session) : new Dictionary<string, Func<IPolicy>>(),
        };
        using var policy = PolicyLocation.Load(settings.Policy, session);

        // A policy that was trained for an arm keeps to that arm's limits; echo and its kin give back what they were shown.
        if (settings.Limits is null && PolicyLocation.FolderOf(settings.Policy) is not null && policy.Contract.ActionNames.Length == ActionBounds.Width)
            options = options with { Limits = LimitMode.Clamp };
        var beside = new Dictionary<string, IPolicy>(StringComparer.Ordinal);
        try
        {
            foreach (string other in arguments.GetValue(_beside)!)
            {
                if (!(other.Split('=', 2) is [{ Length: > 0 } name, { Length: > 0 } place])) throw new UsageException($"--beside is '{other}'; expected name=folder");
                if (name.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.')) || !beside.TryAdd(name, PolicyLocation.Load(place, session)))
                    throw new UsageException($"--beside {other}: a name has letters, digits, '-', '_' and '.', and is given once");
            }

            return await PolicyServerProcess.RunAsync(policy, options with { Beside = beside }, context.Out, cancellation);
        }
        finally
        {
            foreach (var other in beside.Values) other.Dispose();
        }
    }
}
