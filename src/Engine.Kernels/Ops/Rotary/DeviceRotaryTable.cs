using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Rotary;

/// <summary>A <see cref="RotaryTable"/> on a device: [Positions, HeadWidth], cosine and sine of each pair's angle by turns.</summary>
public sealed class DeviceRotaryTable : IDisposable
{
    private readonly DeviceBuffer<float> _angles;

    /// <summary>Copies a table to the device of <paramref name="stream"/>.</summary>
    /// <exception cref="ArgumentException">Heads are not a multiple of 8 wide.</exception>
    public DeviceRotaryTable(CudaStream stream, RotaryTable table)
    {
        if (table.HeadWidth % 8 != 0) throw new ArgumentException($"On a device a head must be a multiple of 8 wide, it is {table.HeadWidth}.", nameof(table));
        Positions = table.Positions;
        HeadWidth = table.HeadWidth;
        float[] angles = new float[table.Cosines.Length];
        for (int i = 0; i < angles.Length; i += 2)
        {
            angles[i] = table.Cosines[i];
            angles[i + 1] = table.Sines[i + 1];
        }

        _angles = stream.Upload<float>(angles);
    }

    /// <summary>Number of positions.</summary>
    public int Positions { get; }

    /// <summary>Width of a head.</summary>
    public int HeadWidth { get; }

    /// <summary>The angles.</summary>
    public DeviceSpan<float> Angles => _angles.Span;

    /// <summary>Frees them.</summary>
    public void Dispose() => _angles.Dispose();
}
