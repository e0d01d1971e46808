using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Engine.Host.Pipeline;
using Engine.Runtime.Contract;
using Engine.Runtime.Onnx;
using Engine.Runtime.Policies;
using Engine.Runtime.Weights;
using Engine.Training.Models;

namespace Engine.Host.Commands;

/// <summary>Writes a trained policy as one ONNX graph with its contract, and checks it against the network that was trained.</summary>
public sealed class ExportVerb : Verb
{
    private const string ArchitectureFileName = "architecture.json";

    private readonly Argument<string> _policy = new("policy") { Description = "Folder of a trained policy: weights.safetensors, contract.json, architecture.json." };
    private readonly Option<string?> _out = new("--out", "-o") { Description = "Folder to write; the policy's own otherwise.", HelpName = "folder" };
    private readonly Option<int> _observations = new("--check") { Description = "Random observations on which graph and network are compared; 0 for none.", DefaultValueFactory = _ => 16, HelpName = "number" };
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed of the observations.", HelpName = "number" };

    public override string Name => "export";

    public override string Summary => "Write a trained policy as an ONNX graph with its contract, checked against the network.";

    public override IReadOnlyList<string> Examples => ["export runs/quickstart/policies/online", "export runs/quickstart/policies/bc --out exported/bc"];

    public override void Configure(Command command)
    {
        command.Add(_policy);
        foreach (Option option in new Option[] { _out, _observations, _seed }) command.Add(option);
    }

    public override Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        string source = Path.GetFullPath(arguments.GetValue(_policy)!);
        string target = arguments.GetValue(_out) is { } named ? Path.GetFullPath(named) : source;
        int observations = arguments.GetValue(_observations);
        if (observations is < 0 or > 4096) throw new UsageException($"--check is {observations}; expected 0 … 4096");
        foreach (string file in new[] { PolicyDirectory.WeightsFileName, ContractFile.FileName, ArchitectureFileName })
        {
            if (!File.Exists(Path.Combine(source, file)))
                throw new FileNotFoundException($"'{source}' holds no trained policy: it has no {file}. Name a folder that training has written.");
        }

        var weights = SafeTensors.Read(Path.Combine(source, PolicyDirectory.WeightsFileName));
        var contract = ContractFile.Read(Path.Combine(source, ContractFile.FileName));
        var architecture = RunFolder.Load<VlaArchitecture>(Path.Combine(source, ArchitectureFileName));
        var shape = new VlaGraphShape { Heads = architecture.Heads };

        // Compared before anything is written: a graph that disagrees must not be served by accident.
        byte[] model = VlaPolicyGraph.Build(weights, contract, shape);
        using var policy = OnnxPolicy.FromBytes(model, contract);
        if (observations > 0)
        {
            var agreement = ExportCheck.Compare(policy, weights, architecture, observations, arguments.GetValue(_seed));
            context.Out.WriteLine(agreement.ToString());
            if (!agreement.Holds)
                throw new InvalidDataException("the graph and the network disagree, so nothing was written. This is a fault of the program; please report it with the policy.");
        }

        cancellation.ThrowIfCancellationRequested();
        PolicyDirectory.Write(target, weights, contract, shape);
        if (target != source) File.Copy(Path.Combine(source, ArchitectureFileName), Path.Combine(target, ArchitectureFileName), overwrite: true);
        context.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{Path.Combine(target, PolicyDirectory.ModelFileName)}: {model.Length / 1e6:0.0} MB, {Latency(policy, contract):0.00} ms an inference of {contract.ActionHorizon} action(s)"));
        context.Out.WriteLine($"serve it: ./engine serve --policy {target}");
        return Task.FromResult(0);
    }

    /// <summary>Median time (ms) of one observation.</summary>
    private static double Latency(OnnxPolicy policy, PolicyContract contract)
    {
        var observation = ExportCheck.Observations(contract, 1, 0);
        var actions = new float[contract.ActionHorizon * contract.ActionNames.Length];
        var times = new double[30];
        for (int i = -5; i < times.Length; i++)
        {
            long start = Stopwatch.GetTimestamp();
            policy.Act(observation, actions);
            if (i >= 0) times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        Array.Sort(times);
        return times[times.Length / 2];
    }
}
