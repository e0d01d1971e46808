using Engine.Host.Commands;
using Engine.Host.Pipeline;
using Engine.Host.Tests.Serving;
using Engine.Kernels.Interop;
using Engine.Runtime.Contract;
using Engine.Runtime.Interop;
using Engine.Runtime.Policies;
using Engine.Runtime.Weights;
using Engine.Training.Checkpoints;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Host.Tests.Commands;

public sealed class ExportVerbTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-export-").FullName;
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_trained_policy_becomes_a_graph_that_agrees_and_can_be_found()
    {
        string trained = Train("run/policies/bc");
        Assert.Throws<FileNotFoundException>(() => PolicyLocation.Load(trained, new()));
        Assert.Equal(0, await Run("export", trained));
        Assert.Contains("checked against libtorch on 16 observation(s)", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains(" 0 other action token(s)", _output.ToString(), StringComparison.Ordinal);

        // By its folder and, the only one in its run, by the run's folder.
        foreach (string name in new[] { trained, Path.Combine(_folder, "run") })
        {
            using var policy = PolicyLocation.Load(name, new() { Threads = 1 });
            Assert.Equal("export", policy.Contract.Name);
        }

        Assert.Equal(0, await Run("export", trained, "--out", Path.Combine(_folder, "run", "policies", "copy"), "--check", "0"));
        var failure = Assert.Throws<FileNotFoundException>(() => PolicyLocation.Load(Path.Combine(_folder, "run"), new()));
        Assert.Contains("holds several policies", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_graph_that_disagrees_is_not_written()
    {
        string trained = Train("bc");
        // Another number of heads computes something else from the same weights.
        string file = Path.Combine(trained, "architecture.json");
        var architecture = RunFolder.Load<VlaArchitecture>(file);
        var weights = SafeTensors.Read(Path.Combine(trained, "weights.safetensors"));
        var contract = ContractFile.Read(Path.Combine(trained, ContractFile.FileName));
        using var policy = OnnxPolicy.FromBytes(Runtime.Onnx.VlaPolicyGraph.Build(weights, contract, new() { Heads = 2 }), contract);
        Assert.False(ExportCheck.Compare(policy, weights, architecture, 4, 1).Holds);

        File.WriteAllBytes(Path.Combine(trained, "weights.safetensors"), [1, 2, 3]);
        Assert.Equal(1, await Run("export", trained));
        Assert.Contains("weights.safetensors", _error.ToString(), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(trained, PolicyDirectory.ModelFileName)));
    }

    private Task<int> Run(params string[] arguments) => CommandLine.RunAsync(arguments, _output, _error);

    private string Train(string name)
    {
        if (NativeLibraryLocator.TryFind("eng_torch") is null || OnnxRuntimeLibrary.TryFind() is null) Assert.Skip("libtorch or ONNX Runtime is absent");
        string folder = Path.Combine(_folder, name);
        Directory.CreateDirectory(folder);
        var contract = ServingFixtures.Contract with
        {
            Name = "export",
            Cameras = [new CameraSpec("front", 64, 64)],
            Vocabulary = ["cube", "push", "reach", "red", "the"],
            MaxWords = 6,
            ActionHorizon = 1,
            ReplanEvery = 1,
        };
        var architecture = new VlaArchitecture { Tokens = 7, MaxWords = 6, StateWidth = contract.StateNames.Length, ActionWidth = contract.ActionNames.Length };
        using var scope = new TensorScope();
        using var network = new VlaPolicy(new WeightInitialiser(3), architecture);
        SafeTensors.Write(Path.Combine(folder, PolicyDirectory.WeightsFileName), TensorConversion.ToNamedArrays(network.StateDict()));
        RunFolder.Write(Path.Combine(folder, "architecture.json"), architecture);
        ContractFile.Write(Path.Combine(folder, ContractFile.FileName), contract);
        return folder;
    }
}
