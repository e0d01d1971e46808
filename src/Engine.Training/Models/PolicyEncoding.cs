using Engine.Runtime.Contract;
using Engine.Runtime.Policies;

namespace Engine.Training.Models;

/// <summary>Between a contract's units and a policy's tokens: states normalised, actions as classes of bins, instructions as token ids.</summary>
public sealed class PolicyEncoding
{
    private readonly InstructionTokenizer _tokenizer;

    public PolicyEncoding(PolicyContract contract)
    {
        Contract = contract;
        _tokenizer = new InstructionTokenizer(contract.Vocabulary, contract.MaxWords);
        var statistics = contract.ActionStatistics;
        ActiveActions = new bool[statistics.Width];
        for (int i = 0; i < ActiveActions.Length; i++) ActiveActions[i] = statistics.Std[i] > 0 && (!statistics.Mask[i] || statistics.Q99[i] > statistics.Q01[i]);
    }

    public PolicyContract Contract { get; }

    public int ActionWidth => Contract.ActionStatistics.Width;

    /// <summary>
    /// Which action numbers vary in the data at all: their deviation is not 0, and their quantiles differ where they are normalised. The
    /// others' tokens mean (nearly) nothing, so they take no part in log-probabilities and entropies.
    /// </summary>
    public bool[] ActiveActions { get; }

    /// <summary>Token ids [MaxWords].</summary>
    public long[] Tokenise(string instruction) => Array.ConvertAll(_tokenizer.Encode(instruction), id => (long)id);

    /// <summary>Normalises a state in place to [−1, 1]; numbers that are constant in the data become 0.</summary>
    public void NormaliseState(Span<float> state)
    {
        var s = Contract.StateStatistics;
        for (int i = 0; i < state.Length; i++)
        {
            if (!s.Mask[i]) continue;
            state[i] = s.Q99[i] > s.Q01[i] ? Math.Clamp(2 * (state[i] - s.Q01[i]) / (s.Q99[i] - s.Q01[i] + 1e-8f) - 1, -1, 1) : 0;
        }
    }

    /// <summary>Classes [A] of an action [A] in the environment's units.</summary>
    public void Encode(ReadOnlySpan<float> action, Span<long> classes)
    {
        var s = Contract.ActionStatistics;
        for (int i = 0; i < action.Length; i++)
        {
            float value = !s.Mask[i] ? action[i] : s.Q99[i] <= s.Q01[i] ? 0 : 2 * (action[i] - s.Q01[i]) / (s.Q99[i] - s.Q01[i] + 1e-8f) - 1;
            classes[i] = VlaPolicy.ClassOf(value, Contract.ActionBins);
        }
    }

    /// <summary>Actions in the environment's units of classes [n·A].</summary>
    public void Decode(ReadOnlySpan<long> classes, Span<float> actions)
    {
        var s = Contract.ActionStatistics;
        for (int k = 0; k < classes.Length; k++)
        {
            int i = k % s.Width;
            float value = VlaPolicy.ValueOf((int)classes[k], Contract.ActionBins);
            actions[k] = s.Mask[i] ? 0.5f * (value + 1) * (s.Q99[i] - s.Q01[i]) + s.Q01[i] : value;
        }
    }
}
