using Engine.Kernels.Devices.Cuda;
using Engine.Runtime.Autoencoding;
using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;
using Engine.Runtime.Onnx;
using Engine.Runtime.Policies;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;
using Engine.Runtime.WorldModel.Cuda;
using Engine.Simulation.Tabletop;
using Engine.Training.Algorithms;
using Engine.Training.Checkpoints;
using Engine.Training.Models;
using Engine.Training.Rollouts;
using Engine.Training.Torch;

namespace Engine.Host.Pipeline;

/// <summary>
/// One run of the whole loop in a folder: each stage is a method that can be called again at no cost, takes what it needs from the
/// stages before it and leaves its result in the folder. The quickstart, the single verbs and the experiment are all made of these.
/// </summary>
public sealed partial class LearningRun : IDisposable
{
    /// <summary>Every tenth episode of play and rollouts is held out: never trained on, used for every figure about models.</summary>
    private const int HeldOutEvery = 10;

    private readonly EngineSettings _settings;
    private readonly IProgressReporter _progress;
    private readonly CancellationToken _cancellation;
    private readonly SeedPlan _seeds;
    private readonly Dictionary<string, Episode[]> _episodes = [];
    private readonly Dictionary<string, object> _loaded = [];
    private TabletopEnvironment? _world;
    private CudaContext? _gpu;

    public LearningRun(RunFolder folder, EngineSettings settings, IProgressReporter progress, CancellationToken cancellation)
    {
        (Folder, _settings, _progress, _cancellation) = (folder, settings, progress, cancellation);
        _seeds = new SeedPlan(settings.Seed);
    }

    public RunFolder Folder { get; }

    /// <summary>The real simulator, made when first needed.</summary>
    private TabletopEnvironment World => _world ??= new TabletopEnvironment(new TabletopOptions { Count = _settings.Environments, Cameras = [_settings.Camera] });

    private CameraSpec Camera => World.Info.Cameras.First(camera => camera.Name == _settings.Camera);

    /// <summary>Specs of consecutive seeds.</summary>
    private EpisodeSpec[] Specs(int count, ulong firstSeed, string variation = "in_distribution") =>
        [.. Enumerable.Range(0, count).Select(i => new EpisodeSpec(_settings.Task, variation, firstSeed + (ulong)i))];

    private Episode[] Episodes(string name)
    {
        if (_episodes.TryGetValue(name, out var episodes)) return episodes;
        if (_settings.Data.Count > 0 && (name == "demonstrations" || name == PlayName)) return _episodes[name] = Given(name == PlayName);
        return _episodes[name] = EpisodeStore.Open(Folder.At("data", name)).ReadAll(_progress, _cancellation);
    }

    private T Loaded<T>(string key, Func<T> load)
        where T : class
    {
        if (_loaded.TryGetValue(key, out object? value)) return (T)value;
        var made = load();
        _loaded[key] = made;
        return made;
    }

    /// <summary>Forgets everything loaded whose name begins so, after it was trained anew.</summary>
    private void Forget(string prefix)
    {
        foreach (string key in _loaded.Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).ToArray()) _loaded.Remove(key);
    }

    private PolicyEncoding Encoding => Loaded("encoding", () => new PolicyEncoding(ContractFile.Read(Folder.At("policies", "bc", ContractFile.FileName))));

    private VlaArchitecture Architecture => Loaded("architecture", () => RunFolder.Load<VlaArchitecture>(Folder.At("policies", "bc", "architecture.json")));

    private Autoencoder Autoencoder => Loaded("autoencoder", () => ModelFiles.ReadAutoencoder(Folder, "autoencoder", Camera));

    private WorldModelWeights WorldModel(string name) => Loaded("world-model:" + name, () => ModelFiles.Read(Folder, name));

    private SuccessClassifier Classifier(string name) => Loaded("classifier:" + name, () =>
        ModelFiles.Read(Folder, name, new SuccessClassifier(new WeightInitialiser(0), Architecture)));

    private RewardModel Reward(string classifier, string name) => Loaded("reward:" + name, () =>
    {
        var reward = RewardTraining.Create(Classifier(classifier), Encoding.Contract.Embodiment, _settings.Reward, 0);
        ModelFiles.Read(Folder, name, reward.Network);
        return reward;
    });

    /// <summary>A fresh copy of a trained policy.</summary>
    private VlaPolicy Policy(string name)
    {
        using var scope = new TensorScope();
        var policy = new VlaPolicy(new WeightInitialiser(0), Architecture);
        policy.LoadStateDict(TensorConversion.ToTensors(SafeTensors.Read(Folder.At("policies", name, PolicyDirectory.WeightsFileName))));
        return policy;
    }

    private void SavePolicy(string name, VlaPolicy policy, PolicyContract contract)
    {
        PolicyDirectory.Write(Folder.At("policies", name), TensorConversion.ToNamedArrays(policy.StateDict()), contract with { Name = $"{_settings.Task}-{name}" },
            new VlaGraphShape { Heads = policy.Architecture.Heads });
        RunFolder.Write(Folder.At("policies", name, "architecture.json"), policy.Architecture);
    }

    private EncodedSet Encode(string key, Func<IReadOnlyList<Episode>> episodes) =>
        Loaded("set:" + key, () => new EncodedSet(episodes(), Camera, Encoding.Tokenise, () => Autoencoder, _progress, _cancellation));

    /// <summary>Demonstrations that succeeded.</summary>
    private EncodedSet Demonstrations => Encode("demonstrations", () => [.. Episodes("demonstrations").Where(e => e.Success)]);

    private static bool IsHeldOut(int index) => index % HeldOutEvery == HeldOutEvery - 1;

    /// <summary>What is held out from besides rollouts: play, or demonstrations where there is no play (cloning takes all of them all the same).</summary>
    private string Mixed => Episodes(PlayName).Length > 0 ? PlayName : "demonstrations";

    /// <summary>What world model, classifier and reward learn from: demonstrations, play and the named rollouts, without the held-out ones.</summary>
    private EncodedSet TrainingData(params string[] rollouts) => Encode("train:" + string.Join('+', rollouts), () =>
    [
        .. Mixed == PlayName ? Episodes("demonstrations") : [],
        .. new[] { Mixed }.Concat(rollouts).SelectMany(name => Episodes(name).Where((_, i) => !IsHeldOut(i))),
    ]);

    /// <summary>Held-out play and rollouts.</summary>
    private EncodedSet HeldOut(params string[] rollouts) => Encode("held-out:" + string.Join('+', rollouts), () =>
        [.. new[] { Mixed }.Concat(rollouts).SelectMany(name => Episodes(name).Where((_, i) => IsHeldOut(i)))]);

    private DreamModels Models(string round, float threshold, bool reward = true) => new()
    {
        WorldModel = WorldModel("world-model" + round),
        Autoencoder = Autoencoder,
        Decoder = DeviceScope.Current.IsCpu ? null : Loaded("autoencoder:decoder", () =>
            ModelFiles.Read(Folder, "autoencoder", new VariationalAutoencoder(new WeightInitialiser(0), _settings.Autoencoder.LatentChannels, _settings.Autoencoder.Width))),
        Classifier = Classifier("classifier" + round),
        Threshold = threshold,
        Reward = reward ? Reward("classifier" + round, "reward" + round) : null,
        Encoding = Encoding,
        Camera = Camera,
        SamplingSteps = _settings.WorldModel.SamplingSteps,
    };

    /// <summary>The world model on the GPU that libtorch trains on, for dreams there; null where the processor trains.</summary>
    private CudaWorldModel? OnGpu(DreamModels models) =>
        DeviceScope.Current.IsCpu ? null : new CudaWorldModel(_gpu ??= CudaDevices.Open(DeviceScope.Current.ToString()), models.WorldModel);

    public void Dispose()
    {
        _world?.Dispose();
        _gpu?.Dispose();
    }
}
