namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>
/// One of the 24 Euler conventions in Shoemake's encoding ("Euler Angle Conversion", Graphics Gems IV), named as transforms3d names them:
/// <c>s</c> static or <c>r</c> rotating axes, then three axes: <c>sxyz</c> is roll, pitch, yaw about fixed axes.
/// </summary>
public readonly record struct EulerAxes
{
    private EulerAxes(int first, bool odd, bool repeats, bool rotating)
    {
        First = first;
        Odd = odd;
        Repeats = repeats;
        Rotating = rotating;
    }

    /// <summary>Roll, pitch, yaw about fixed axes; also the default value.</summary>
    public static EulerAxes StaticXyz => default;

    /// <summary>The innermost axis, 0 to 2.</summary>
    public int First { get; }

    /// <summary>The second axis is not the next one in cyclic order.</summary>
    public bool Odd { get; }

    /// <summary>The last axis is the first again.</summary>
    public bool Repeats { get; }

    /// <summary>The axes turn with the body.</summary>
    public bool Rotating { get; }

    internal int Second => (First + (Odd ? 2 : 1)) % 3;

    internal int Third => (First + (Odd ? 1 : 2)) % 3;

    /// <summary>Reads a name such as <c>sxyz</c> or <c>rzxz</c>.</summary>
    /// <exception cref="ArgumentException">The name is none of the 24.</exception>
    public static EulerAxes Parse(string name)
    {
        if (name.Length == 4 && name[0] is 's' or 'r' && name.AsSpan(1).IndexOfAnyExceptInRange('x', 'z') < 0
            && name[1] != name[2] && name[2] != name[3])
        {
            bool rotating = name[0] == 'r';
            int first = name[rotating ? 3 : 1] - 'x', second = name[2] - 'x', third = name[rotating ? 1 : 3] - 'x';
            return new EulerAxes(first, second != (first + 1) % 3, third == first, rotating);
        }

        throw new ArgumentException($"'{name}' is no Euler convention; expected s or r and three axes, e.g. sxyz", nameof(name));
    }
}
