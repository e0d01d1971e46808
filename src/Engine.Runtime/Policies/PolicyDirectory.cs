using Engine.Runtime.Contract;
using Engine.Runtime.Onnx;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Policies;

/// <summary>
/// A policy as a folder: <c>policy.onnx</c> (the whole computation), <c>contract.json</c>, and <c>weights.safetensors</c> (the parameters it was
/// written from, to train on; not needed to run).
/// </summary>
public static class PolicyDirectory
{
    public const string ModelFileName = "policy.onnx";
    public const string WeightsFileName = "weights.safetensors";

    /// <summary>Whether a folder holds a policy.</summary>
    public static bool Exists(string folder) => File.Exists(Path.Combine(folder, ModelFileName)) && File.Exists(Path.Combine(folder, ContractFile.FileName));

    /// <summary>Loads the policy of a folder.</summary>
    /// <exception cref="FileNotFoundException">The folder does not hold one; the message says what is missing.</exception>
    /// <exception cref="InvalidDataException">The contract is not valid, or the model does not fit it.</exception>
    /// <exception cref="OnnxRuntimeException">ONNX Runtime refuses the model.</exception>
    public static OnnxPolicy Load(string folder, OnnxSessionOptions? options = null)
    {
        foreach (string file in new[] { ContractFile.FileName, ModelFileName })
        {
            if (!File.Exists(Path.Combine(folder, file)))
                throw new FileNotFoundException($"'{folder}' is no policy: it has no {file}. Name a folder that training or export has written.", Path.Combine(folder, file));
        }

        return OnnxPolicy.FromFile(Path.Combine(folder, ModelFileName), ContractFile.Read(Path.Combine(folder, ContractFile.FileName)), options);
    }

    /// <summary>Exports a policy into a folder, which is made where it is missing. Each file is written whole or not at all, the contract last.</summary>
    /// <exception cref="InvalidDataException">The weights or the contract are not valid.</exception>
    public static void Write(string folder, IReadOnlyDictionary<string, NamedArray> weights, PolicyContract contract, VlaGraphShape? shape = null)
    {
        ContractFile.Check(contract, contract.Name);
        byte[] model = VlaPolicyGraph.Build(weights, contract, shape);
        Directory.CreateDirectory(folder);
        SafeTensors.Write(Path.Combine(folder, WeightsFileName), weights);
        AtomicFile.Write(Path.Combine(folder, ModelFileName), stream => stream.Write(model));
        ContractFile.Write(Path.Combine(folder, ContractFile.FileName), contract);
    }
}
