namespace Engine.Simulation.Tabletop;

/// <summary>The probing variations of every family: each changes one thing against <see cref="InDistribution"/>.</summary>
public static class TaskVariations
{
    /// <summary>As in training.</summary>
    public const string InDistribution = "in_distribution";

    /// <summary>The named object has a colour that training never shows.</summary>
    public const string UnseenColour = "unseen_colour";

    /// <summary>The named object is a block letter, a shape that training never shows.</summary>
    public const string UnseenShape = "unseen_shape";

    /// <summary>Colour and shape of the named object are both known, but never together.</summary>
    public const string UnseenPair = "unseen_pair";

    /// <summary>The instruction is worded as never in training.</summary>
    public const string Paraphrase = "paraphrase";

    /// <summary>Five objects on the table.</summary>
    public const string Distractors = "distractors";

    /// <summary>Objects stand outside the region of training.</summary>
    public const string StartRegion = "start_region";

    /// <summary>Other light.</summary>
    public const string Lighting = "lighting";

    /// <summary>The front camera is moved.</summary>
    public const string Camera = "camera";

    /// <summary>Another table top.</summary>
    public const string Texture = "texture";

    /// <summary>Every variation.</summary>
    public static IReadOnlyList<string> All { get; } =
        [InDistribution, UnseenColour, UnseenShape, UnseenPair, Paraphrase, Distractors, StartRegion, Lighting, Camera, Texture];

    /// <summary>Number that keys the variation's random draws.</summary>
    /// <exception cref="ArgumentException">There is none of that name; the message lists the known ones.</exception>
    public static int IndexOf(string name)
    {
        for (int i = 0; i < All.Count; i++)
        {
            if (All[i] == name) return i;
        }

        throw new ArgumentException($"Variation '{name}' is unknown. Known variations: {string.Join(", ", All)}.");
    }

    /// <summary>Pairs of seen colours and seen shapes that are kept out of every in-distribution scene.</summary>
    public static IReadOnlyList<(ObjectColour Colour, ObjectShape Shape)> HeldOutPairs { get; } =
    [
        (ObjectColour.Green, ObjectShape.Cube),
        (ObjectColour.Yellow, ObjectShape.Cylinder),
        (ObjectColour.Red, ObjectShape.Ball),
    ];

    /// <summary>Whether a pair is held out.</summary>
    public static bool IsHeldOut(ObjectColour colour, ObjectShape shape) => HeldOutPairs.Contains((colour, shape));
}
