using Engine.Runtime.Contract;

namespace Engine.Runtime.Datasets;

/// <summary>Checks of the parts that data descriptions and policy contracts share.</summary>
internal static class SpecificationChecks
{
    private const int MaxSide = 8192;

    /// <summary>At least one camera, names not empty and different, sides of 1 to 8192 pixels.</summary>
    public static void Cameras(CameraSpec[] cameras, string name)
    {
        if (cameras.Length == 0) throw new InvalidDataException($"{name}: it names no camera");
        var seen = new HashSet<string>();
        foreach (CameraSpec camera in cameras)
        {
            if (camera.Name.Length == 0 || camera.Height is < 1 or > MaxSide || camera.Width is < 1 or > MaxSide)
                throw new InvalidDataException($"{name}: the camera '{camera.Name}' of {camera.Height}×{camera.Width} pixels is not valid");
            if (!seen.Add(camera.Name)) throw new InvalidDataException($"{name}: it names the camera '{camera.Name}' twice");
        }
    }

    /// <summary>Six finite limits, two finite corners in order, a positive control rate.</summary>
    public static void Embodiment(EmbodimentSpec body, string name)
    {
        if (body.StepLimit.Length != 6 || body.PoseLow.Length != 6 || body.PoseHigh.Length != 6)
            throw new InvalidDataException($"{name}: step_limit, pose_low and pose_high need six numbers each");
        for (int i = 0; i < 6; i++)
        {
            if (!(body.StepLimit[i] >= 0) || !(body.PoseLow[i] <= body.PoseHigh[i]))
                throw new InvalidDataException($"{name}: number {i + 1} of the embodiment has a negative limit or an empty range");
        }

        if (!(body.ControlHz > 0) || double.IsInfinity(body.ControlHz))
            throw new InvalidDataException($"{name}: control_hz is {body.ControlHz}, expected a positive rate");
    }

    /// <summary>All five arrays <paramref name="width"/> long, q01 at most q99, deviations not negative.</summary>
    public static void Statistics(NormalisationStatistics statistics, int width, string name)
    {
        foreach (Array array in new Array[] { statistics.Q01, statistics.Q99, statistics.Mean, statistics.Std, statistics.Mask })
        {
            if (array.Length != width) throw new InvalidDataException($"{name}: the statistics have {array.Length} numbers where {width} belong");
        }

        for (int i = 0; i < width; i++)
        {
            if (!(statistics.Q01[i] <= statistics.Q99[i]) || !(statistics.Std[i] >= 0) || !float.IsFinite(statistics.Mean[i]))
                throw new InvalidDataException($"{name}: number {i + 1} of the statistics has q01 above q99, a negative deviation or no mean");
        }
    }
}
