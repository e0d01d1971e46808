using System.Globalization;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Runtime.Policies;
using Engine.Runtime.Weights;
using Engine.Training.Checkpoints;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Host.Commands;

/// <summary>How far an exported graph is from the network in libtorch, on random observations.</summary>
/// <param name="Count">Observations compared.</param>
/// <param name="LogitDifference">Greatest difference of a logit.</param>
/// <param name="OtherTokens">Action tokens that differ although their two best logits are not a tie.</param>
public sealed record ExportCheck(int Count, float LogitDifference, int OtherTokens)
{
    private const float Tolerance = 1e-3f;

    /// <summary>Whether the two agree.</summary>
    public bool Holds => LogitDifference <= Tolerance && OtherTokens == 0;

    /// <summary>Runs both. Both get the tokens that the graph chose, so that one tie does not change all that follows.</summary>
    public static ExportCheck Compare(
        OnnxPolicy policy, IReadOnlyDictionary<string, NamedArray> weights, VlaArchitecture architecture, int count, ulong seed)
    {
        var contract = policy.Contract;
        var observations = Observations(contract, count, seed);
        int tokens = contract.ActionHorizon * contract.ActionNames.Length, bins = contract.ActionBins, width = contract.StateNames.Length;
        var classes = new long[count * tokens];
        var logits = new float[count * tokens * bins];
        policy.Act(observations, new float[count * tokens], classes, logits);

        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        using var network = new VlaPolicy(new WeightInitialiser(0), architecture);
        network.LoadStateDict(TensorConversion.ToTensors(weights));
        var encoding = new PolicyEncoding(contract);
        float[] states = (float[])observations.States.Clone();
        for (int i = 0; i < count; i++) encoding.NormaliseState(states.AsSpan(i * width, width));
        long[] words = [.. observations.Instructions.SelectMany(encoding.Tokenise)];
        var camera = contract.Cameras[0];
        float[] expected = network.Logits(
            ImageBatch.FromBytes(observations.Images[camera.Name].Span, camera.Height, camera.Width),
            Tensor.FromSpan(words, count, contract.MaxWords),
            Tensor.FromSpan(states, count, width),
            Tensor.FromSpan(classes, count, tokens)).ToArray();

        float greatest = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            float difference = MathF.Abs(logits[i] - expected[i]);
            if (!(difference <= greatest)) greatest = difference;
        }

        int other = 0;
        for (int token = 0; token < classes.Length; token++)
        {
            var row = expected.AsSpan(token * bins, bins);
            float best = float.NegativeInfinity;
            foreach (float logit in row) best = Math.Max(best, logit);
            if (!(row[(int)classes[token]] >= best - 2 * Tolerance)) other++;
        }

        return new ExportCheck(count, greatest, other);
    }

    /// <summary>Observations of noise with instructions of the contract's words.</summary>
    public static ObservationBatch Observations(PolicyContract contract, int count, ulong seed)
    {
        var images = new Dictionary<string, ReadOnlyMemory<byte>>();
        foreach (var camera in contract.Cameras)
        {
            var noise = new float[count * camera.Bytes];
            Philox.FillUniform(noise, new PhiloxKey(seed, PhiloxStream.Latent, (uint)images.Count, 0, 0));
            images[camera.Name] = Array.ConvertAll(noise, value => (byte)(value * 255));
        }

        var states = new float[count * contract.StateNames.Length];
        Philox.FillUniform(states, new PhiloxKey(seed, PhiloxStream.Latent, 100, 0, 0));
        for (int i = 0; i < states.Length; i++)
        {
            int column = i % contract.StateNames.Length;
            states[i] = float.Lerp(contract.StateStatistics.Q01[column], contract.StateStatistics.Q99[column], states[i]);
        }

        return new ObservationBatch
        {
            Count = count,
            Images = images,
            States = states,
            Instructions = [.. Enumerable.Range(0, count).Select(i => string.Join(' ', contract.Vocabulary.Skip(i % Math.Max(1, contract.Vocabulary.Length)).Take(6)))],
        };
    }

    /// <inheritdoc />
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"checked against libtorch on {Count} observation(s): greatest logit difference {LogitDifference:0.0e0}, {OtherTokens} other action token(s)");
}
