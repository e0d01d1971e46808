using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Policies;

/// <summary>Reads and writes <c>contract.json</c>, the <see cref="PolicyContract"/> that travels with a policy (snake_case JSON).</summary>
public static class ContractFile
{
    /// <summary>The file's usual name.</summary>
    public const string FileName = "contract.json";

    /// <summary>Reads and checks a contract.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is no valid contract; the message names the file and says what is wrong.</exception>
    public static PolicyContract Read(string path)
    {
        var contract = JsonFile.Read<PolicyContract>(path);
        Check(contract, path);
        return contract;
    }

    /// <summary>Checks a contract and writes it atomically.</summary>
    /// <exception cref="InvalidDataException">It is not valid; the message says what is wrong.</exception>
    public static void Write(string path, PolicyContract contract)
    {
        Check(contract, path);
        JsonFile.Write(path, contract);
    }

    /// <summary>Checks widths, ranges and names; <paramref name="name"/> begins the message.</summary>
    /// <exception cref="InvalidDataException">The contract is not valid.</exception>
    public static void Check(PolicyContract contract, string name)
    {
        if (contract.Version != PolicyContract.CurrentVersion)
        {
            throw new InvalidDataException(
                $"{name}: it has version {contract.Version}, this program reads version {PolicyContract.CurrentVersion}; export the policy again");
        }

        SpecificationChecks.Cameras(contract.Cameras, name);
        SpecificationChecks.Embodiment(contract.Embodiment, name);
        if (contract.ActionNames.Length == 0) throw new InvalidDataException($"{name}: it names no action numbers");
        SpecificationChecks.Statistics(contract.ActionStatistics, contract.ActionNames.Length, $"{name}, action_statistics");
        SpecificationChecks.Statistics(contract.StateStatistics, contract.StateNames.Length, $"{name}, state_statistics");
        if (contract.ActionHorizon is < 1 or > 1000)
            throw new InvalidDataException($"{name}: action_horizon is {contract.ActionHorizon}, expected 1 to 1000");
        if (contract.ReplanEvery < 1 || contract.ReplanEvery > contract.ActionHorizon)
        {
            throw new InvalidDataException(
                $"{name}: replan_every is {contract.ReplanEvery}, expected 1 to action_horizon ({contract.ActionHorizon})");
        }

        if (contract.ActionBins is < 2 or > 65536)
            throw new InvalidDataException($"{name}: action_bins is {contract.ActionBins}, expected 2 to 65536");
        try
        {
            _ = InstructionTokenizer.FromContract(contract);
        }
        catch (ArgumentException error)
        {
            throw new InvalidDataException($"{name}: {error.Message}", error);
        }
    }
}
