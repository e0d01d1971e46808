using System.Net.WebSockets;
using System.Security.Cryptography;
using Engine.Host.Commands;
using Engine.Host.Configuration;
using Engine.Host.Serving.Client;
using Engine.Runtime.Contract;
using Engine.Runtime.Onnx;
using Engine.Runtime.Policies;
using Engine.Simulation.Evaluation;
using Engine.Simulation.Tabletop;

namespace Engine.Host.Evaluation;

/// <summary>One of the policies that an evaluation compares, ready to act.</summary>
public sealed class EvaluatedPolicy : IDisposable
{
    /// <summary>The name of the scripted expert, which sees exact poses; no policy, but the mark to be measured by.</summary>
    public const string Expert = "expert";

    private readonly IPolicy? _policy;

    private EvaluatedPolicy(string name, string location, string? hash, IPolicy? policy) => (Name, Location, Hash, _policy) = (name, location, hash, policy);

    /// <summary>Short name, unique in the evaluation.</summary>
    public string Name { get; }

    /// <summary>Folder or address.</summary>
    public string Location { get; }

    /// <summary>SHA-256 of what it computes (model and contract); null where that cannot be known (a server).</summary>
    public string? Hash { get; }

    /// <summary>Its contract; null for the expert.</summary>
    public PolicyContract? Contract => _policy?.Contract;

    /// <summary>Round-trip times, where it is served.</summary>
    public RoundTripTimes? Times => (_policy as ServedPolicy)?.Times;

    /// <summary>The simulator's options under which it can act.</summary>
    /// <exception cref="InvalidDataException">It does not fit the simulator.</exception>
    public TabletopOptions WorldOptions(int environments) =>
        Contract is { } contract ? SimulatorContract.OptionsFor(contract, environments) : new TabletopOptions { Count = environments, Cameras = [] };

    /// <summary>Whoever chooses its actions, for one batch of episodes.</summary>
    public IActor Actor(float temperature) => _policy is null ? new ExpertActor(0) : new PolicyActor(_policy, temperature);

    /// <summary>Opens every policy of the settings, the baseline first; the caller disposes them.</summary>
    /// <exception cref="UsageException">None is named, or one twice, or the baseline is not among them and no folder.</exception>
    /// <exception cref="FileNotFoundException">There is no such policy.</exception>
    public static async Task<IReadOnlyList<EvaluatedPolicy>> OpenAllAsync(EvalSettings settings, CancellationToken cancellation)
    {
        var folders = settings.Policies.Select(Folder).ToList();
        if (settings.Baseline is { } wanted) MoveToFront(folders, wanted, settings.Server is not null);
        if (folders.Count == 0 && settings.Server is null)
            throw new UsageException("--policy is missing; name the folder of an exported policy (several: with commas), or --server ws://host:port");
        if (folders.GroupBy(folder => folder).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new UsageException($"the policy {twice.Key} is named twice");
        var names = ShortNames(folders);
        var opened = new List<EvaluatedPolicy>();
        try
        {
            for (int i = 0; i < folders.Count; i++) opened.Add(Open(names[i], folders[i], settings.Threads));
            if (settings.Server is { } server)
            {
                var served = await Connect(server, settings, cancellation).ConfigureAwait(false);
                opened.Insert(settings.Baseline == "server" ? 0 : opened.Count, served);
            }

            foreach (var policy in opened) _ = policy.WorldOptions(1);
            return opened;
        }
        catch
        {
            foreach (var policy in opened) policy.Dispose();
            throw;
        }
    }

    /// <inheritdoc />
    public void Dispose() => _policy?.Dispose();

    private static string Folder(string named)
    {
        if (named == Expert) return named;
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(named));
        if (PolicyLocation.FolderOf(full) is { } folder) return folder;
        throw new FileNotFoundException(
            Directory.Exists(full) ? PolicyLocation.Explain(named) : $"There is no policy '{named}': expected the folder of an exported policy, e.g. runs/quickstart/policies/bc, or {Expert}.{NearestName.Question(named, [Expert])}", named);
    }

    private static void MoveToFront(List<string> folders, string wanted, bool isServed)
    {
        if (wanted == "server" && isServed) return;
        string[] names = ShortNames(folders);
        int at = Array.IndexOf(names, wanted);
        if (at < 0 && (wanted == Expert || Directory.Exists(wanted)))
        {
            string folder = Folder(wanted);
            at = folders.IndexOf(folder);
            if (at < 0)
            {
                folders.Insert(0, folder);
                return;
            }
        }

        if (at < 0) throw new UsageException($"--baseline {wanted} is neither one of the policies ({string.Join(", ", names)}) nor a folder");
        string chosen = folders[at];
        folders.RemoveAt(at);
        folders.Insert(0, chosen);
    }

    private static EvaluatedPolicy Open(string name, string folder, int threads)
    {
        if (folder == Expert) return new EvaluatedPolicy(name, folder, Expert, null);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in new[] { PolicyDirectory.ModelFileName, ContractFile.FileName }) hash.AppendData(File.ReadAllBytes(Path.Combine(folder, file)));
        return new EvaluatedPolicy(name, folder, Convert.ToHexStringLower(hash.GetHashAndReset()), PolicyDirectory.Load(folder, new OnnxSessionOptions { Threads = threads }));
    }

    private static async Task<EvaluatedPolicy> Connect(string server, EvalSettings settings, CancellationToken cancellation)
    {
        if (!Uri.TryCreate(server, UriKind.Absolute, out var uri) || uri.Scheme is not ("ws" or "wss"))
            throw new UsageException($"--server is '{server}'; expected ws://host:port or wss://host:port");
        string? token = settings.Token ?? Environment.GetEnvironmentVariable("ENGINE_TOKEN");
        try
        {
            var policy = await ServedPolicy.ConnectAsync(uri, settings.Connections, string.IsNullOrEmpty(token) ? null : token, null, cancellation).ConfigureAwait(false);
            return new EvaluatedPolicy("server", uri.ToString(), null, policy);
        }
        catch (WebSocketException failure)
        {
            throw new IOException($"no policy server answers at {uri}: {(failure.InnerException?.Message ?? failure.Message).TrimEnd('.')}. Start one with ./engine serve --policy <folder>.", failure);
        }
    }

    /// <summary>The last parts of the paths (without <c>policies</c>) that tell them apart.</summary>
    private static string[] ShortNames(IReadOnlyList<string> folders)
    {
        string[][] parts = [.. folders.Select(folder => folder.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != "policies").ToArray())];
        for (int count = 1; ; count++)
        {
            string[] names = [.. parts.Select(path => string.Join('/', path.TakeLast(count)))];
            if (names.Distinct().Count() == names.Length || parts.All(path => path.Length <= count)) return names;
        }
    }
}
