using Engine.Kernels.Ops.Rotary;
using Engine.Runtime.Autoencoding;
using Engine.Runtime.Contract;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;
using Engine.Training.Algorithms;
using Engine.Training.Checkpoints;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Host.Pipeline;

/// <summary>The files of trained models in a run's folder, <c>models/</c>.</summary>
internal static class ModelFiles
{
    /// <summary>Writes <c>NAME.safetensors</c> and <c>NAME.json</c>, as the runtime reads them.</summary>
    public static void Write(RunFolder folder, string name, DiffusionTransformer model, WorldModelTraining.Options options, int rows, int columns)
    {
        SafeTensors.Write(folder.At("models", name + ".safetensors"), TensorConversion.ToNamedArrays(model.StateDict()));
        var config = new WorldModelConfig
        {
            InChannels = model.Architecture.InChannels,
            PatchSize = model.Architecture.PatchSize,
            Dim = options.Dim,
            NumLayers = options.Layers,
            NumHeads = options.Heads,
            ActionDim = model.Architecture.ActionDim,
            MaxFrames = options.Window,
            LatentHeight = rows,
            LatentWidth = columns,
            SamplingSteps = options.SamplingSteps,
            SpatialRotary = RotaryFrequencies.Standard,
            PreviousFrameInput = options.PreviousFrameInput,
            PredictChange = options.PredictChange,
        };
        AtomicFile.WriteText(folder.At("models", name + ".json"), config.ToJson());
    }

    /// <summary>Reads them.</summary>
    public static WorldModelWeights Read(RunFolder folder, string name) =>
        WorldModelWeights.Load(SafeTensors.Read(folder.At("models", name + ".safetensors")), WorldModelConfig.Read(folder.At("models", name + ".json")));

    /// <summary>Reads an autoencoder for a camera's images.</summary>
    public static Autoencoder ReadAutoencoder(RunFolder folder, string name, CameraSpec camera) =>
        Autoencoder.Load(SafeTensors.Read(folder.At("models", name + ".safetensors")), camera.Height, camera.Width);

    /// <summary>Writes a module's weights as <c>NAME.safetensors</c>.</summary>
    public static void Write(RunFolder folder, string name, Module module) =>
        SafeTensors.Write(folder.At("models", name + ".safetensors"), TensorConversion.ToNamedArrays(module.StateDict()));

    /// <summary>Gives a module the weights of <c>NAME.safetensors</c>, to be used and not trained.</summary>
    public static T Read<T>(RunFolder folder, string name, T module)
        where T : Module
    {
        using var scope = new TensorScope();
        module.LoadStateDict(TensorConversion.ToTensors(SafeTensors.Read(folder.At("models", name + ".safetensors"))));
        module.SetRequiresGrad(false);
        return module;
    }
}
