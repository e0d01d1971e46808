using Engine.Runtime.Contract;
using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Models;

/// <summary>
/// Does an image, at a commanded pose, show the instruction fulfilled? An <see cref="ImageTrunk"/> of its own gives features f of the
/// image and f₀ of the episode's first image, which nothing has blurred or covered yet. One branch says where the instruction's success
/// would end, end = Linear(SiLU(Linear([f₀, f]))) [B, 3] (±1 over the workspace, supervised by hindsight); the logit is an MLP (SiLU) of
/// f, the state and 10·(end − position). A success hangs on centimetres, fewer than a small image has pixels for, and the difference
/// says so directly.
/// </summary>
public sealed class SuccessClassifier : Module
{
    private readonly Linear _endHidden, _end, _hidden1, _hidden2, _output;

    /// <summary>Numbers of a pose as the classifier takes it: the normalised state [8] and the position [3], ±1 over the workspace.</summary>
    public const int PoseWidth = StateWidth + 3;

    private const int StateWidth = 8;

    /// <summary>The offset is multiplied by this, so that a centimetre is of the order of 1.</summary>
    private const double OffsetScale = 10;

    /// <param name="initialiser">Source of the initial weights.</param>
    /// <param name="architecture">Sizes: those of the policy, so that its perception can be taken over.</param>
    public SuccessClassifier(WeightInitialiser initialiser, VlaArchitecture architecture)
    {
        var a = architecture;
        Text = Child("text", new TextEncoder(initialiser, a.Tokens, a.MaxWords, a.TextWidth));
        Trunk = Child("trunk", new ImageTrunk(initialiser, a.TextWidth, a.ImageSize, a.Channels, a.Keypoints));
        FeatureWidth = Trunk.Width + Text.Width;
        _endHidden = Child("end_hidden", new Linear(initialiser, 2 * FeatureWidth, a.Hidden));
        _end = Child("end", new Linear(initialiser, a.Hidden, 3));
        _hidden1 = Child("hidden1", new Linear(initialiser, FeatureWidth + PoseWidth, a.Hidden));
        _hidden2 = Child("hidden2", new Linear(initialiser, a.Hidden, a.Hidden));
        _output = Child("output", new Linear(initialiser, a.Hidden, 1));
    }

    public TextEncoder Text { get; }

    public ImageTrunk Trunk { get; }

    /// <summary>Width F of <see cref="Features"/>: image features, then the instruction vector.</summary>
    public int FeatureWidth { get; }

    /// <summary>[B, F] features of images [B, 3, H, W] in [−1, 1] and tokens [B, W].</summary>
    public Tensor Features(Tensor images, Tensor tokens)
    {
        var text = Text.Forward(tokens);
        return Tensor.Cat(1, Trunk.Forward(images, text), text);
    }

    /// <summary>
    /// Logits [B] and ends [B, 3] (±1 over the workspace) from the features [B, F] of the episodes' first images, those of the images
    /// now, and poses [B, 11].
    /// </summary>
    public (Tensor Logits, Tensor Ends) FromFeatures(Tensor first, Tensor features, Tensor poses)
    {
        var end = _end.Forward(_endHidden.Forward(Tensor.Cat(1, first, features)).Silu());
        var offset = (end - poses.Narrow(1, StateWidth, 3)) * OffsetScale;
        var hidden = _hidden1.Forward(Tensor.Cat(1, features, poses.Narrow(1, 0, StateWidth), offset)).Silu();
        return (_output.Forward(_hidden2.Forward(hidden).Silu()).Squeeze(1), end);
    }

    /// <summary>Writes the pose [11] of a commanded pose [7], as a dream knows it.</summary>
    public static void Pose(ReadOnlySpan<float> command, PolicyEncoding encoding, Span<float> pose)
    {
        EmbodimentSpec.ToState(command, pose[..StateWidth]);
        encoding.NormaliseState(pose[..StateWidth]);
        encoding.Contract.Embodiment.ScalePosition(command, pose.Slice(StateWidth, 3));
    }
}
