using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Engine.Host.Commands;
using Engine.Host.Configuration;
using Engine.Host.Pipeline;
using Engine.Host.Reports;
using Engine.Kernels.Devices.Cuda;
using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;
using Engine.Runtime.Policies;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel.Cuda;
using Engine.Simulation.Evaluation;
using Engine.Simulation.Tabletop;
using Engine.Training.Rollouts;

namespace Engine.Host.Evaluation;

/// <summary>
/// Imagined episodes of a policy in the dream of a run, written as a data directory. Episodes are dreamt in blocks that depend on the
/// settings alone; a stopped call goes on where it stopped, and a later call with more episodes adds to them.
/// </summary>
public sealed class ImaginedRollout(
    RolloutSettings settings, ulong seed, string folder, IProgressReporter progress, CancellationToken cancellation, CudaContext? device = null)
{
    /// <summary>A start that is used again has this much added to its seed, each time.</summary>
    public const ulong SeedsOfAPass = 1_000_000_000_000;

    private const int RoundsOfABlock = 16;

    /// <summary>Dreams what is missing and writes <c>rollout.json</c> and <c>dreams.gif</c>.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such run or data directory.</exception>
    /// <exception cref="InvalidDataException">The run is not trained, the policy does not fit it, or the folder holds dreams made otherwise.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the episodes that are written are whole.</exception>
    public RolloutResult Run()
    {
        string config = Path.Combine(settings.Run, "config.yaml");
        if (!File.Exists(config)) throw new DirectoryNotFoundException($"There is no run in {settings.Run}: it has no config.yaml. Name the folder of a run with --run, or make one: ./engine quickstart.");
        var engine = ConfigurationLoader.Load<EngineSettings>(config, []);
        string policyFolder = FindPolicy();
        string data = Path.GetFullPath(settings.Data ?? Path.Combine(settings.Run, "data", "rollouts"));
        using var run = new LearningRun(new RunFolder(settings.Run), engine, progress, cancellation);
        using var policy = PolicyDirectory.Load(policyFolder);
        var info = Check(policy.Contract, run.Contract, engine.Camera);
        var recorded = OpenData(data, info.Cameras[0], run.Contract.Embodiment);
        var dream = Open(run, ReadStarts(recorded));
        int steps = settings.Steps ?? TaskFamily.Find(engine.Task).StepLimit;

        var store = OpenStore(info, Origin(dream, policyFolder, steps, recorded.Count));
        var (specs, starts) = Plan(dream.Recorded);
        var clock = new Stopwatch();
        long imagined = Fill(store, policy, dream, specs, starts, steps, info, clock);
        var result = SumUp(store, imagined, clock.Elapsed.TotalSeconds, policyFolder, data, dream.Models.Threshold);
        RunFolder.Write(Path.Combine(folder, "rollout.json"), result);
        Show(store, info.Cameras[0]);
        return result;
    }

    private long Fill(EpisodeStore store, OnnxPolicy policy, RunDream dream, EpisodeSpec[] specs, Dictionary<EpisodeSpec, int> starts, int steps, DatasetInfo info, Stopwatch clock)
    {
        int count = Math.Min(settings.Environments, specs.Length), size = RoundsOfABlock * settings.Environments;
        long imagined = 0;
        using CudaWorldModel? model = device is null ? null : new CudaWorldModel(device, dream.Models.WorldModel);
        using var task = progress.Begin("dream", specs.Length, "episodes");
        int standing = Math.Min(store.Count, specs.Length);
        task.Advance(standing);
        for (int block = standing / size; block * size < specs.Length; block++)
        {
            if (store.Count >= specs.Length) break;
            // Every block has its own noise: it can be dreamt again without the ones before it.
            ulong noise = seed ^ 0x726F6C6Cul ^ ((ulong)block << 40);
            using var world = new ImaginedEnvironment(new DreamEnvironment(dream.Models, dream.Starts, count, steps, noise, model), info, starts);
            int index = block * size, successes = 0;
            clock.Start();
            foreach (var result in EpisodeRunner.Run(world, specs.AsSpan(index, Math.Min(size, specs.Length - index)).ToArray(), new PolicyActor(policy, settings.Temperature, "dream"), [info.Cameras[0].Name], cancellation))
            {
                imagined += result.Outcome.Steps;
                if (result.Outcome.Success) successes++;
                if (index++ < store.Count) continue;
                store.Append(result.Episode!);
                task.Advance(1, string.Create(CultureInfo.InvariantCulture, $"success {successes / (double)(index - block * size):P0}, {imagined / clock.Elapsed.TotalSeconds:0} frames/s"));
            }

            clock.Stop();
        }

        return imagined;
    }

    private string FindPolicy()
    {
        string policies = Path.Combine(settings.Run, "policies"), inRun = Path.Combine(policies, settings.Policy);
        if (PolicyDirectory.Exists(inRun)) return Path.GetFullPath(inRun);
        if (PolicyLocation.FolderOf(settings.Policy) is { } named) return Path.GetFullPath(named);
        string[] known = Directory.Exists(policies) ? [.. Directory.GetDirectories(policies).Where(PolicyDirectory.Exists).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)] : [];
        throw new FileNotFoundException(
            $"There is no policy '{settings.Policy}': the run has {(known.Length > 0 ? string.Join(", ", known) : "none")}, and it is no folder of an exported policy.{NearestName.Question(settings.Policy, known)}", settings.Policy);
    }

    /// <summary>What the dreams' data directory says of itself, after the policy was found to fit the dream.</summary>
    private static DatasetInfo Check(PolicyContract policy, PolicyContract dream, string cameraName)
    {
        const string Remedy = "Name a policy that was trained for the same arm and cameras.";
        var camera = dream.Cameras.First(c => c.Name == cameraName);
        foreach (var wanted in policy.Cameras.Where(wanted => wanted != camera))
            throw ContractFit.Misfit(policy, $"wants the camera '{wanted.Name}' at {wanted.Height} × {wanted.Width}; the dream shows '{camera.Name}' at {camera.Height} × {camera.Width}", Remedy);
        ContractFit.Check(policy, dream.StateNames, dream.ActionNames, dream.Embodiment, "the dream", Remedy);
        return new DatasetInfo { Source = "dream", Cameras = [camera], StateNames = dream.StateNames, ActionNames = dream.ActionNames, Embodiment = dream.Embodiment };
    }

    private RunDream Open(LearningRun run, List<Episode> starts)
    {
        try
        {
            return run.Dream(starts);
        }
        catch (Exception failure) when (failure is ArgumentException or InvalidDataException or FileNotFoundException or DirectoryNotFoundException)
        {
            string message = failure.Message.Split('\n')[0];
            throw new InvalidDataException($"The models of {settings.Run} cannot dream: {message} Train them with this version of the program: ./engine train world-model --out <folder> --config {Path.Combine(settings.Run, "config.yaml")}", failure);
        }
    }

    private static EpisodeStore OpenData(string data, CameraSpec camera, EmbodimentSpec embodiment)
    {
        var store = EpisodeStore.Open(data);
        if (!store.Info.Cameras.Contains(camera))
            throw new InvalidDataException($"{data} has no camera '{camera.Name}' at {camera.Height} × {camera.Width}; it has {string.Join(", ", store.Info.Cameras.Select(c => $"{c.Name} at {c.Height} × {c.Width}"))}. Name data of the simulator that the run learnt from.");
        if (JsonFile.ToText(store.Info.Embodiment) != JsonFile.ToText(embodiment))
            throw new InvalidDataException($"{data} was recorded with another arm than the one that the run dreams of. Name data of the simulator that the run learnt from.");
        return store;
    }

    private List<Episode> ReadStarts(EpisodeStore store)
    {
        int count = Math.Min(store.Count, settings.Episodes);
        using var task = progress.Begin("reading first frames", count, "episodes");
        var starts = new List<Episode>(count);
        for (int i = 0; i < count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            starts.Add(store.Read(i));
            task.Advance();
        }

        return starts;
    }

    private (EpisodeSpec[] Specs, Dictionary<EpisodeSpec, int> Starts) Plan(IReadOnlyList<Episode> recorded)
    {
        var specs = new EpisodeSpec[settings.Episodes];
        var starts = new Dictionary<EpisodeSpec, int>();
        for (int i = 0; i < specs.Length; i++)
        {
            int start = i % recorded.Count;
            specs[i] = new EpisodeSpec(recorded[start].Task, recorded[start].Variation, recorded[start].Seed + (ulong)(i / recorded.Count) * SeedsOfAPass);
            starts.TryAdd(specs[i], start);
        }

        return (specs, starts);
    }

    /// <summary>Everything that the dreams depend on besides their number.</summary>
    private Dictionary<string, string> Origin(RunDream dream, string policyFolder, int steps, int recorded)
    {
        string Hash(params string[] files)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (string file in files) hash.AppendData(File.ReadAllBytes(file));
            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }

        string Model(string name) => Path.Combine(settings.Run, "models", name);
        return new()
        {
            ["policy"] = Hash(Path.Combine(policyFolder, PolicyDirectory.ModelFileName), Path.Combine(policyFolder, ContractFile.FileName)),
            ["models"] = Hash(Model("autoencoder.safetensors"), Model("world-model.safetensors"), Model("world-model.json"), Model("classifier.safetensors")),
            ["data"] = string.Create(CultureInfo.InvariantCulture, $"{recorded} episodes, {Convert.ToHexStringLower(SHA256.HashData(dream.Recorded[0].Images[dream.Models.Camera.Name]))}"),
            ["threshold"] = dream.Models.Threshold.ToString("R", CultureInfo.InvariantCulture),
            ["temperature"] = settings.Temperature.ToString("R", CultureInfo.InvariantCulture),
            ["steps"] = steps.ToString(CultureInfo.InvariantCulture),
            ["environments"] = settings.Environments.ToString(CultureInfo.InvariantCulture),
            ["seed"] = seed.ToString(CultureInfo.InvariantCulture),
            ["device"] = device?.Device.Name ?? DeviceOption.Processor,
        };
    }

    private EpisodeStore OpenStore(DatasetInfo info, Dictionary<string, string> origin)
    {
        string file = Path.Combine(folder, "origin.json");
        if (File.Exists(Path.Combine(folder, "dataset.json")))
        {
            var before = File.Exists(file) ? RunFolder.Load<Dictionary<string, string>>(file) : [];
            before.TryAdd("device", DeviceOption.Processor);
            string[] other = [.. origin.Keys.Where(key => before.GetValueOrDefault(key) != origin[key])];
            if (other.Length > 0)
                throw new InvalidDataException($"{folder} holds episodes that were made otherwise ({string.Join(", ", other)} changed). Delete it or name another folder with --out.");
        }

        var store = EpisodeStore.Create(folder, info);
        RunFolder.Write(file, origin);
        return store;
    }

    private RolloutResult SumUp(EpisodeStore store, long imagined, double seconds, string policyFolder, string data, float threshold)
    {
        long frames = 0;
        int successes = 0, count = store.Count;
        for (int i = 0; i < count; i++)
        {
            var episode = store.Read(i);
            frames += episode.Length;
            if (episode.Success) successes++;
        }

        var share = Statistics.Wilson(successes, count);
        return new RolloutResult(
            count, frames, imagined > 0 ? imagined / seconds : null, share.Rate, share.Low, share.High, policyFolder, Path.GetFullPath(settings.Run), data, settings.Temperature, threshold, seed);
    }

    /// <summary>A film of a few dreams, spread evenly over all.</summary>
    private void Show(EpisodeStore store, CameraSpec camera)
    {
        int shown = Math.Min(settings.Shown, store.Count);
        var panels = Enumerable.Range(0, shown).Select(i => store.Read((int)((long)i * store.Count / shown))).Select(episode => (
            episode.Instruction,
            (IReadOnlyList<byte[]>)[.. Enumerable.Range(0, episode.Length + 1).Select(t => episode.Images[camera.Name].AsSpan(t * camera.Bytes, camera.Bytes).ToArray())])).ToList();
        int delay = (int)Math.Round(1000 / store.Info.Embodiment.ControlHz);
        AtomicFile.WriteBytes(Path.Combine(folder, "dreams.gif"), Animation.Beside(panels, camera.Width, camera.Height, Math.Max(1, 192 / camera.Width), delay, (int)Math.Ceiling(Math.Sqrt(shown))));
    }
}
