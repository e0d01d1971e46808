using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;

namespace Engine.Simulation.Tabletop;

/// <summary>Random streams that belong to one episode, whatever environment it runs in.</summary>
public static class EpisodeKey
{
    /// <summary>The key of a stream at one step of an episode. Tasks and variations that are not the table-top's share key 0xFFFF.</summary>
    public static PhiloxKey Of(EpisodeSpec spec, uint stream, uint step)
    {
        uint variation = 0xFFFF, family = 0xFFFF;
        for (int i = 0; i < TaskVariations.All.Count; i++)
        {
            if (TaskVariations.All[i] == spec.Variation) variation = (uint)i;
        }

        for (int i = 0; i < TaskFamily.All.Count; i++)
        {
            if (TaskFamily.All[i].Name == spec.Task) family = (uint)i;
        }

        return new PhiloxKey(spec.Seed, stream, variation, family, step);
    }
}
