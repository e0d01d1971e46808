using Engine.Host.Pipeline;
using Engine.Kernels.Interop;
using Engine.Runtime.Contract;
using Engine.Runtime.Interop;
using Engine.Runtime.Onnx;
using Engine.Runtime.Policies;
using Engine.Simulation.Tabletop;
using Engine.Training.Checkpoints;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Host.Tests.Evaluation;

/// <summary>A policy of the table-top with weights as they are drawn before training.</summary>
internal static class UntrainedPolicy
{
    internal static readonly PolicyContract Contract = new()
    {
        Name = "untrained",
        Cameras = [new CameraSpec("front", 64, 64)],
        StateNames = TabletopEmbodiment.StateNames,
        ActionNames = TabletopEmbodiment.ActionNames,
        ActionStatistics = Within(-TabletopEmbodiment.StepMetres, TabletopEmbodiment.StepMetres, 7),
        StateStatistics = Within(-0.3f, 1, 8),
        Embodiment = TabletopEmbodiment.Spec,
        Vocabulary = ["ball", "blue", "cube", "go", "green", "move", "reach", "red", "the", "to", "touch"],
        MaxWords = 8,
    };

    /// <summary>Whether simulator, libtorch and ONNX Runtime are there.</summary>
    internal static bool CanRun => NativeLibraryLocator.TryFind("eng_torch") is not null && NativeLibraryLocator.TryFind("eng_mujoco") is not null && OnnxRuntimeLibrary.TryFind() is not null;

    /// <summary>Skips the test where the simulator, libtorch or ONNX Runtime is absent.</summary>
    internal static void Require()
    {
        if (!CanRun) Assert.Skip("the simulator, libtorch or ONNX Runtime is absent");
    }

    /// <summary>Writes one into a folder.</summary>
    internal static string Write(string folder, ulong seed)
    {
        Require();
        var architecture = new VlaArchitecture { Tokens = Contract.Vocabulary.Length + 2, MaxWords = Contract.MaxWords, StateWidth = 8, ActionWidth = 7 };
        using var scope = new TensorScope();
        using var network = new VlaPolicy(new WeightInitialiser(seed), architecture);
        PolicyDirectory.Write(folder, TensorConversion.ToNamedArrays(network.StateDict()), Contract with { Name = $"untrained-{seed}" }, new VlaGraphShape { Heads = architecture.Heads });
        RunFolder.Write(Path.Combine(folder, "architecture.json"), architecture);
        return folder;
    }

    private static NormalisationStatistics Within(float low, float high, int width) => new()
    {
        Q01 = [.. Enumerable.Repeat(low, width)],
        Q99 = [.. Enumerable.Repeat(high, width)],
        Mean = new float[width],
        Std = [.. Enumerable.Repeat(1f, width)],
        Mask = [.. Enumerable.Repeat(true, width)],
    };
}
