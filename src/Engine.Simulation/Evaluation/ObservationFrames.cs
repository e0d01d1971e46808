using Engine.Runtime.Contract;

namespace Engine.Simulation.Evaluation;

/// <summary>The current pictures of many environments, each drawn at most once per step, however many ask for it.</summary>
public sealed class ObservationFrames
{
    private readonly IVectorEnvironment _world;
    private readonly Dictionary<string, Camera> _cameras;
    private readonly int[] _missing;
    private byte[] _scratch = [];

    /// <summary>Makes room for every camera of <paramref name="world"/>.</summary>
    public ObservationFrames(IVectorEnvironment world)
    {
        _world = world;
        _missing = new int[world.Count];
        _cameras = world.Info.Cameras.ToDictionary(
            camera => camera.Name, camera => new Camera(camera, new byte[(long)world.Count * camera.Bytes], new bool[world.Count]), StringComparer.Ordinal);
    }

    /// <summary>Says that environments have moved on: their pictures are out of date.</summary>
    public void Invalidate(ReadOnlySpan<int> environments)
    {
        foreach (var camera in _cameras.Values)
        {
            foreach (int environment in environments) camera.Fresh[environment] = false;
        }
    }

    /// <summary>Draws what is out of date, in one call.</summary>
    /// <exception cref="ArgumentException">There is no such camera; the message lists the known ones.</exception>
    public void Draw(ReadOnlySpan<int> environments, string name)
    {
        var camera = Find(name);
        int count = 0;
        foreach (int environment in environments)
        {
            if (!camera.Fresh[environment]) _missing[count++] = environment;
        }

        if (count == 0) return;
        int bytes = camera.Spec.Bytes;
        if (_scratch.Length < count * bytes) _scratch = new byte[_world.Count * bytes];
        _world.Render(_missing.AsSpan(0, count), name, _scratch.AsSpan(0, count * bytes));
        for (int i = 0; i < count; i++)
        {
            _scratch.AsSpan(i * bytes, bytes).CopyTo(camera.Pixels.AsSpan(_missing[i] * bytes, bytes));
            camera.Fresh[_missing[i]] = true;
        }
    }

    /// <summary>The picture of one environment, u8 [H, W, 3], as last drawn.</summary>
    /// <exception cref="InvalidOperationException">It has not been drawn since the environment moved on.</exception>
    public ReadOnlySpan<byte> Image(int environment, string name)
    {
        var camera = Find(name);
        return camera.Fresh[environment]
            ? camera.Pixels.AsSpan(environment * camera.Spec.Bytes, camera.Spec.Bytes)
            : throw new InvalidOperationException($"Camera '{name}' of environment {environment} has not been drawn at this step: call Draw first.");
    }

    private Camera Find(string name) => _cameras.TryGetValue(name, out var camera)
        ? camera
        : throw new ArgumentException($"Camera '{name}' is unknown here. Known cameras: {string.Join(", ", _cameras.Keys)}.");

    private sealed record Camera(CameraSpec Spec, byte[] Pixels, bool[] Fresh);
}
