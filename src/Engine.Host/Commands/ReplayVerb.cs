using System.CommandLine;
using System.Globalization;
using Engine.Host.Evaluation;
using Engine.Host.Serving.Recording;
using Engine.Runtime.Contract;
using Engine.Runtime.Onnx;

namespace Engine.Host.Commands;

/// <summary>Shows a recording's observations to a policy and says how its answers differ from those that were given.</summary>
public sealed class ReplayVerb : Verb
{
    private readonly Argument<string> _recording = new("recording") { Description = "Folder that serve --record has written." };
    private readonly Option<string> _policy = new("--policy", "-p") { Description = "The policy to ask, as serve takes it.", HelpName = "folder", Required = true };
    private readonly Option<double?> _tolerance = new("--tolerance") { Description = "Fail when a number differs by more.", HelpName = "number" };

    public override string Name => "replay";

    public override string Summary => "Show a recording to a policy and report how its answers differ.";

    public override IReadOnlyList<string> Examples =>
        ["replay recordings/monday --policy runs/quickstart/policies/online", "replay recordings/monday --policy runs/new/policies/online --tolerance 1e-4"];

    public override void Configure(Command command)
    {
        command.Add(_recording);
        command.Add(_policy);
        command.Add(_tolerance);
    }

    public override Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        var recording = RecordingFolder.Open(arguments.GetValue(_recording)!);
        using var policy = PolicyLocation.Load(arguments.GetValue(_policy)!, new OnnxSessionOptions());
        var (recorded, own) = (recording.Contract, policy.Contract);
        if (!own.Cameras.SequenceEqual(recorded.Cameras) || own.ActionHorizon != recorded.ActionHorizon)
            throw ContractFit.Misfit(own, "has other cameras or another horizon than the recording", "Name a policy of the recording's contract.");
        ContractFit.Check(own, recorded.StateNames, recorded.ActionNames, recorded.Embodiment, "the recording", "Name a policy of the recording's contract.");

        int width = own.ActionNames.Length, chunk = own.ActionHorizon * width;
        var (sum, worst) = (new double[width], new double[width]);
        long answers = 0, same = 0;
        var actions = new float[chunk];
        using var task = context.Progress.Begin("replay", recording.Count, "episodes");
        for (int index = 0; index < recording.Count; index++)
        {
            cancellation.ThrowIfCancellationRequested();
            var (episode, chunks) = recording.Read(index);
            for (int t = 0; t <= episode.Length; t++)
            {
                policy.Act(Observation(own, episode, t), actions);
                var given = chunks.AsSpan(t * chunk, chunk);
                answers++;
                if (given.SequenceEqual(actions)) same++;
                for (int i = 0; i < chunk; i++)
                {
                    double difference = Math.Abs(given[i] - actions[i]);
                    sum[i % width] += difference / own.ActionHorizon;
                    worst[i % width] = Math.Max(worst[i % width], difference);
                }
            }

            task.Advance();
        }

        context.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{recording.Directory}: {recording.Count} episodes, {answers} answers, {same} the same bit for bit ({100.0 * same / answers:0.0} %)"));
        TextTable.Print(context.Out, ["action", "mean |difference|", "greatest"],
            [.. own.ActionNames.Select((name, i) => new[] { name, (sum[i] / answers).ToString("0.#####", CultureInfo.InvariantCulture), worst[i].ToString("0.#####", CultureInfo.InvariantCulture) })]);
        if (arguments.GetValue(_tolerance) is not { } tolerance || worst.Max() <= tolerance) return Task.FromResult(0);
        throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"the answers differ by {worst.Max():0.#####}, more than --tolerance {tolerance}"));
    }

    private static ObservationBatch Observation(PolicyContract contract, Episode episode, int time)
    {
        var states = new float[contract.StateNames.Length];
        for (int i = 0; i < states.Length; i++) states[i] = episode.States[time, i];
        return new ObservationBatch
        {
            Count = 1,
            Instructions = [episode.Instruction],
            Images = contract.Cameras.ToDictionary(camera => camera.Name, camera => (ReadOnlyMemory<byte>)episode.Images[camera.Name].AsMemory(time * camera.Bytes, camera.Bytes)),
            States = states,
        };
    }
}
