using System.Globalization;
using Engine.Runtime.Contract;
using Engine.Simulation.Tabletop;

namespace Engine.Host.Evaluation;

/// <summary>Whether a policy can act in the embedded simulator, and which pictures it needs there.</summary>
public static class SimulatorContract
{
    private static readonly string[] Cameras = ["front", "wrist"];

    /// <summary>The table-top's options under which the policy sees what its contract says.</summary>
    /// <exception cref="InvalidDataException">The policy does not fit the simulator; the message says in what.</exception>
    public static TabletopOptions OptionsFor(PolicyContract contract, int environments)
    {
        Check(contract);
        // Without a camera the size does not matter.
        var size = contract.Cameras.Length > 0 ? contract.Cameras[0] : new CameraSpec("none", 64, 64);
        return new TabletopOptions { Count = environments, Height = size.Height, Width = size.Width, Cameras = [.. contract.Cameras.Select(camera => camera.Name).Order(StringComparer.Ordinal)] };
    }

    private static void Check(PolicyContract contract)
    {
        foreach (var camera in contract.Cameras)
        {
            if (!Cameras.Contains(camera.Name))
                throw Misfit(contract, $"wants the camera '{camera.Name}'; the simulator has {string.Join(" and ", Cameras)}");
            if (camera.Height is < 8 or > 1024 || camera.Width is < 8 or > 1024)
                throw Misfit(contract, $"wants pictures of {camera.Height} × {camera.Width}; the simulator draws 8 to 1024 pixels a side");
            if (camera.Height != contract.Cameras[0].Height || camera.Width != contract.Cameras[0].Width)
                throw Misfit(contract, $"wants cameras of different sizes ({string.Join(", ", contract.Cameras.Select(c => $"{c.Name} {c.Height} × {c.Width}"))}); the simulator draws all at one size");
        }

        Names(contract, "state", contract.StateNames, TabletopEmbodiment.StateNames);
        Names(contract, "action", contract.ActionNames, TabletopEmbodiment.ActionNames);
        var (has, wants) = (TabletopEmbodiment.Spec, contract.Embodiment);
        Numbers(contract, "step limits", wants.StepLimit, has.StepLimit);
        Numbers(contract, "lower corner of the workspace", wants.PoseLow, has.PoseLow);
        Numbers(contract, "upper corner of the workspace", wants.PoseHigh, has.PoseHigh);
        if (wants.ControlHz != has.ControlHz)
            throw Misfit(contract, string.Create(CultureInfo.InvariantCulture, $"acts at {wants.ControlHz} Hz; the simulator at {has.ControlHz} Hz"));
    }

    private static void Names(PolicyContract contract, string what, string[] wants, string[] has)
    {
        if (wants.Length != has.Length) throw Misfit(contract, $"has {wants.Length} {what} numbers; the simulator has {has.Length}");
        int other = Enumerable.Range(0, has.Length).FirstOrDefault(i => wants[i] != has[i], -1);
        if (other >= 0) throw Misfit(contract, $"calls {what} number {other} '{wants[other]}'; in the simulator it is '{has[other]}'");
    }

    private static void Numbers(PolicyContract contract, string what, float[] wants, float[] has)
    {
        if (!wants.AsSpan().SequenceEqual(has)) throw Misfit(contract, $"was made for another arm: its {what} are {List(wants)}, the simulator's {List(has)}");
    }

    private static string List(float[] values) => $"[{string.Join(", ", values.Select(value => value.ToString("0.###", CultureInfo.InvariantCulture)))}]";

    private static InvalidDataException Misfit(PolicyContract contract, string what) =>
        new($"The policy '{contract.Name}' {what}. Evaluate one that was trained on this simulator, e.g. of ./engine quickstart.");
}
