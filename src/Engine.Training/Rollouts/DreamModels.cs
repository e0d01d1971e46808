using Engine.Runtime.Autoencoding;
using Engine.Runtime.Contract;
using Engine.Runtime.WorldModel;
using Engine.Training.Algorithms;
using Engine.Training.Models;

namespace Engine.Training.Rollouts;

/// <summary>Everything learnt that a dream is made of. Nothing in it changes while dreams run.</summary>
public sealed class DreamModels
{
    /// <summary>The world model on the runtime's own kernels.</summary>
    public required WorldModelWeights WorldModel { get; init; }

    /// <summary>Between latents and images, on the runtime's own kernels.</summary>
    public required Autoencoder Autoencoder { get; init; }

    /// <summary>
    /// The same autoencoder in libtorch, on the classifier's device: where dreams are on that GPU too, their frames are decoded and looked at there. Null for
    /// decoding on the processor.
    /// </summary>
    public VariationalAutoencoder? Decoder { get; init; }

    /// <summary>Says whether a frame shows the instruction fulfilled; its features feed the reward.</summary>
    public required SuccessClassifier Classifier { get; init; }

    /// <summary>Probability above which an imagined episode ends as a success.</summary>
    public required float Threshold { get; init; }

    /// <summary>The dense reward; null for none.</summary>
    public RewardModel? Reward { get; init; }

    public required PolicyEncoding Encoding { get; init; }

    public required CameraSpec Camera { get; init; }

    /// <summary>Latent rows and columns.</summary>
    public int Rows => Autoencoder.Rows;

    public int Columns => Autoencoder.Columns;

    /// <summary>DDIM steps a frame.</summary>
    public required int SamplingSteps { get; init; }
}
