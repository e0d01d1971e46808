using Engine.Runtime.Contract;
using Engine.Simulation.Tabletop;

namespace Engine.Host.Evaluation;

/// <summary>Whether a policy can act in the embedded simulator, and which pictures it needs there.</summary>
public static class SimulatorContract
{
    private const string Remedy = "Evaluate one that was trained on this simulator, e.g. of ./engine quickstart.";

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

        ContractFit.Check(contract, TabletopEmbodiment.StateNames, TabletopEmbodiment.ActionNames, TabletopEmbodiment.Spec, "the simulator", Remedy);
    }

    private static InvalidDataException Misfit(PolicyContract contract, string what) => ContractFit.Misfit(contract, what, Remedy);
}
