using System.Globalization;
using Engine.Runtime.Contract;

namespace Engine.Host.Evaluation;

/// <summary>Whether states, actions and arm of a policy are those of the place where it is to act.</summary>
internal static class ContractFit
{
    /// <summary>Compares names and limits.</summary>
    /// <param name="contract">The policy's contract.</param>
    /// <param name="stateNames">State numbers of the place.</param>
    /// <param name="actionNames">Action numbers of the place.</param>
    /// <param name="embodiment">Arm of the place.</param>
    /// <param name="place">What messages call it, e.g. <c>the simulator</c>.</param>
    /// <param name="remedy">What messages say to do.</param>
    /// <exception cref="InvalidDataException">They differ; the message says in what.</exception>
    public static void Check(PolicyContract contract, string[] stateNames, string[] actionNames, EmbodimentSpec embodiment, string place, string remedy) =>
        Check($"The policy '{contract.Name}'", contract.StateNames, contract.ActionNames, contract.Embodiment, stateNames, actionNames, embodiment, place, remedy);

    /// <summary>The same of anything with states, actions and an arm; <paramref name="subject"/> is what messages call it.</summary>
    /// <exception cref="InvalidDataException">They differ; the message says in what.</exception>
    public static void Check(string subject, string[] ownStates, string[] ownActions, EmbodimentSpec own, string[] stateNames, string[] actionNames, EmbodimentSpec embodiment, string place, string remedy)
    {
        Names("state", ownStates, stateNames);
        Names("action", ownActions, actionNames);
        Numbers("step limits", own.StepLimit, embodiment.StepLimit);
        Numbers("lower corner of the workspace", own.PoseLow, embodiment.PoseLow);
        Numbers("upper corner of the workspace", own.PoseHigh, embodiment.PoseHigh);
        if (own.ControlHz != embodiment.ControlHz)
            throw Misfit(subject, string.Create(CultureInfo.InvariantCulture, $"acts at {own.ControlHz} Hz; {place} at {embodiment.ControlHz} Hz"), remedy);

        void Names(string what, string[] wanted, string[] there)
        {
            if (wanted.Length != there.Length) throw Misfit(subject, $"has {wanted.Length} {what} numbers; {place} has {there.Length}", remedy);
            int other = Enumerable.Range(0, there.Length).FirstOrDefault(i => wanted[i] != there[i], -1);
            if (other >= 0) throw Misfit(subject, $"calls {what} number {other} '{wanted[other]}'; {place} calls it '{there[other]}'", remedy);
        }

        void Numbers(string what, float[] wanted, float[] there)
        {
            if (!wanted.AsSpan().SequenceEqual(there))
                throw Misfit(subject, $"was made for another arm: its {what} are {List(wanted)}, those of {place} {List(there)}", remedy);
        }
    }

    /// <summary>The exception of a policy that does not fit.</summary>
    public static InvalidDataException Misfit(PolicyContract contract, string what, string remedy) => Misfit($"The policy '{contract.Name}'", what, remedy);

    private static InvalidDataException Misfit(string subject, string what, string remedy) => new($"{subject} {what}. {remedy}");

    private static string List(float[] values) => $"[{string.Join(", ", values.Select(value => value.ToString("0.###", CultureInfo.InvariantCulture)))}]";
}
