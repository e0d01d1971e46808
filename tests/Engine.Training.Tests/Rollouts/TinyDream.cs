using Engine.Kernels.Ops.Rotary;
using Engine.Runtime.Autoencoding;
using Engine.Runtime.Contract;
using Engine.Runtime.WorldModel;
using Engine.Runtime.WorldModel.Cuda;
using Engine.Training.Algorithms;
using Engine.Training.Algorithms.Models;
using Engine.Training.Checkpoints;
using Engine.Training.Models;
using Engine.Training.Rollouts;
using Engine.Training.Tests.Learning;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Rollouts;

/// <summary>A dream of <see cref="TinyWorld"/> with random weights; its reward is −|2·(action number 0)/limit − 1|/2 when <c>aimed</c>.</summary>
internal sealed class TinyDream : IDisposable
{
    private readonly WorldModelWeights _weights;
    private readonly VariationalAutoencoder _trained;

    /// <param name="world">What is dreamt of.</param>
    /// <param name="threshold">Probability of a success.</param>
    /// <param name="aimed">The reward is the one above.</param>
    /// <param name="dim">Width of the world model; a GPU wants 32 at least.</param>
    /// <param name="decoder">Also keep the autoencoder in libtorch.</param>
    public TinyDream(TinyWorld world, float threshold, bool aimed = true, int dim = 16, bool decoder = false)
    {
        World = world;
        _trained = new VariationalAutoencoder(new WeightInitialiser(7), 4, 8);
        Autoencoder = _trained.ToRuntime(world.Camera.Height, world.Camera.Width);
        Latents = AutoencoderTraining.Encode(Autoencoder, world.Set, SilentProgress.Instance, default);
        var architecture = world.Architecture();
        var classifier = new SuccessClassifier(new WeightInitialiser(8), architecture);
        _weights = MakeWorldModel(world.Camera, dim);
        Models = new DreamModels
        {
            WorldModel = _weights,
            Autoencoder = Autoencoder,
            Decoder = decoder ? _trained : null,
            Classifier = classifier,
            Threshold = threshold,
            Encoding = world.Encoding,
            Camera = world.Camera,
            SamplingSteps = 1,
            Reward = aimed ? Aimed(classifier, world.Embodiment) : RewardTraining.Create(classifier, world.Embodiment, new RewardTraining.Options { Hidden = 16 }, 5),
        };
    }

    public TinyWorld World { get; }

    public Autoencoder Autoencoder { get; }

    public float[][] Latents { get; }

    public DreamModels Models { get; }

    public DreamStarts Starts() => new(World.Set, Latents, [.. Enumerable.Range(0, World.Set.Episodes.Count)], Models.Rows * Models.Columns * 4);

    public DreamEnvironment Environment(int count, int stepLimit, ulong seed = 3, CudaWorldModel? device = null) => new(Models, Starts(), count, stepLimit, seed, device);

    public void Dispose()
    {
        _trained.Dispose();
        _weights.Dispose();
        Autoencoder.Dispose();
    }

    private static WorldModelWeights MakeWorldModel(CameraSpec camera, int dim)
    {
        var init = new WeightInitialiser(9);
        using var model = new DiffusionTransformer(init, new DiffusionTransformerArchitecture
        {
            InChannels = 4,
            Dim = dim,
            NumLayers = 1,
            NumHeads = 2,
            ActionDim = ActionConditioning.Width,
            MaxFrames = 3,
            PreviousFrameInput = true,
            PredictChange = true,
        });
        using (new TensorScope())
        using (new NoGrad())
        {
            foreach (var (_, parameter) in model.NamedParameters()) parameter.CopyInPlace(init.Normal(0.2, parameter.Shape));
        }

        return WorldModelWeights.Load(TensorConversion.ToNamedArrays(model.StateDict()), new WorldModelConfig
        {
            InChannels = 4,
            PatchSize = 2,
            Dim = dim,
            NumLayers = 1,
            NumHeads = 2,
            ActionDim = ActionConditioning.Width,
            MaxFrames = 3,
            LatentHeight = camera.Height / 8,
            LatentWidth = camera.Width / 8,
            SamplingSteps = 1,
            SpatialRotary = RotaryFrequencies.Standard,
            PreviousFrameInput = true,
            PredictChange = true,
        });
    }

    /// <summary>A reward network that sees only the first action number a: −max(a − ½, 0) − max(½ − a, 0).</summary>
    private static RewardModel Aimed(SuccessClassifier classifier, EmbodimentSpec embodiment)
    {
        var network = new RewardNetwork(new WeightInitialiser(1), new RewardNetworkShape(classifier.Text.Width, classifier.Trunk.Width, 7, 4, 2));
        using var noGrad = new NoGrad();
        foreach (var (name, parameter) in network.NamedParameters())
        {
            parameter.ZeroInPlace();
            var values = parameter.DataSpan();
            switch (name)
            {
                // Columns: language 2, vision 2, their differences 2 + 2, then the action.
                case "mlp.0.weight":
                    (values[8], values[15 + 8]) = (1, -1);
                    break;
                case "mlp.0.bias":
                    (values[0], values[1]) = (-0.5f, 0.5f);
                    break;
                case "mlp.2.weight":
                    (values[0], values[1]) = (-1, -1);
                    break;
            }
        }

        return new RewardModel(network, classifier.Trunk.Width, classifier.Text.Width, embodiment);
    }
}
