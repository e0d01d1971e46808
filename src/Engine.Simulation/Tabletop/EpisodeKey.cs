using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;

namespace Engine.Simulation.Tabletop;

/// <summary>Random streams that belong to one episode, whatever environment it runs in.</summary>
public static class EpisodeKey
{
    /// <summary>The key of a stream at one step of an episode. Tasks and variations that are not the table-top's share key 0xFFFF.</summary>
    public static PhiloxKey Of(EpisodeSpec spec, uint stream, uint step) =>
        new(spec.Seed, stream, Index(TaskVariations.All, spec.Variation), Index(TaskFamily.All.Select(family => family.Name), spec.Task), step);

    private static uint Index(IEnumerable<string> names, string name)
    {
        uint index = 0;
        foreach (string candidate in names)
        {
            if (candidate == name) return index;
            index++;
        }

        return 0xFFFF;
    }
}
