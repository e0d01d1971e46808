using Engine.Runtime.Weights;

namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>Statistics of a data set's actions and proprioception: a file such as <c>bridge_statistics.json</c>.</summary>
public sealed record AdapterStatisticsFile
{
    public required AdapterStatistics Action { get; init; }

    public required AdapterStatistics Proprio { get; init; }

    public long NumTransitions { get; init; }

    public long NumTrajectories { get; init; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidDataException">It is no such file; the message names it.</exception>
    public static AdapterStatisticsFile Read(string path)
    {
        var file = JsonFile.Read<AdapterStatisticsFile>(path);
        file.Action.Check(path);
        file.Proprio.Check(path);
        return file;
    }
}
