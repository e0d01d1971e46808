using System.Numerics;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Simulation.MuJoCo;

namespace Engine.Simulation.Tabletop;

/// <summary>
/// Draws the scene that an <see cref="EpisodeSpec"/> names. A pure function of the spec. The layout is drawn from (seed, family)
/// alone wherever the variation allows it, so that the same seed in two variations is the same scene but for the thing varied.
/// </summary>
public static class SceneSampler
{
    /// <summary>Half extent (m) in x and y of the region where objects stand in distribution.</summary>
    public static readonly Vector2 Region = new(0.08f, 0.12f);

    /// <summary>Half extent (m) of the outer edge of the region of <see cref="TaskVariations.StartRegion"/>.</summary>
    public static readonly Vector2 OuterRegion = new(0.105f, 0.155f);

    private const double Clearance = 0.04;
    private const double PushGap = 0.085;
    private const int Attempts = 20_000;

    /// <summary>The scene of a spec.</summary>
    /// <exception cref="ArgumentException">The task or the variation is unknown; the message lists the known ones.</exception>
    public static SceneLayout Sample(EpisodeSpec spec)
    {
        var family = TaskFamily.Find(spec.Task);
        int variation = TaskVariations.IndexOf(spec.Variation);
        var layout = new PhiloxRandom(new PhiloxKey(spec.Seed, PhiloxStream.SceneLayout, 0, (uint)family.Index));
        var change = new PhiloxRandom(new PhiloxKey(spec.Seed, PhiloxStream.SceneLayout, 0, (uint)family.Index, (uint)variation + 1));
        var words = new PhiloxRandom(new PhiloxKey(spec.Seed, PhiloxStream.SceneInstruction, 0, (uint)family.Index));

        var kinds = Kinds(family, spec.Variation, layout, change);
        var start = new[] { layout.NextFloat(-0.05f, 0.05f), layout.NextFloat(-0.08f, 0.08f), layout.NextFloat(0.11f, 0.15f) };
        var objects = Place(family, spec, kinds, layout);

        // Object 0 is the named one and object 1 the destination until here; the model cache wants them ordered by shape.
        int[] order = [.. Enumerable.Range(0, objects.Length).OrderBy(i => objects[i].Shape)];
        bool hasDestination = family == TaskFamily.Push || family == TaskFamily.Put;
        string[] templates = spec.Variation == TaskVariations.Paraphrase ? family.Paraphrases : family.Templates;
        string instruction = templates[words.NextInt(templates.Length)].Replace("{x}", objects[0].Name, StringComparison.Ordinal);
        if (hasDestination)
        {
            string preposition = objects[1].Shape == ObjectShape.Bowl ? "in" : "on";
            instruction = instruction.Replace("{y}", objects[1].Name, StringComparison.Ordinal).Replace("{on}", preposition, StringComparison.Ordinal);
        }

        return new SceneLayout
        {
            Task = family.Name,
            Variation = spec.Variation,
            Objects = [.. order.Select(i => objects[i])],
            Target = Array.IndexOf(order, 0),
            Destination = hasDestination ? Array.IndexOf(order, 1) : -1,
            Instruction = instruction,
            Start = start,
            Texture = spec.Variation == TaskVariations.Texture ? change.NextInt(SceneMjcf.OtherTextures.Count) : -1,
            Tint = spec.Variation == TaskVariations.Texture
                ? new Vector3(change.NextFloat(0.75f, 1f), change.NextFloat(0.75f, 1f), change.NextFloat(0.75f, 1f))
                : Vector3.One,
            Light = spec.Variation == TaskVariations.Lighting ? Light(change) : default,
            FrontCamera = spec.Variation == TaskVariations.Camera ? Camera(change) : default,
        };
    }

    private static List<(ObjectShape Shape, ObjectColour Colour)> Kinds(TaskFamily family, string variation, PhiloxRandom layout, PhiloxRandom change)
    {
        var kinds = new List<(ObjectShape Shape, ObjectColour Colour)>();
        do
        {
            kinds.Clear();
            Span<ObjectColour> colours = [.. ObjectColours.Seen];
            layout.Shuffle(colours);
            for (int i = 0; i < 3; i++)
            {
                bool receptacle = family == TaskFamily.Put && i == 1;
                var shapes = receptacle ? ObjectShapes.Receptacles : ObjectShapes.Seen;
                kinds.Add((shapes[layout.NextInt(shapes.Length)], colours[i]));
            }
        }
        while (kinds.Exists(kind => TaskVariations.IsHeldOut(kind.Colour, kind.Shape)));

        switch (variation)
        {
            case TaskVariations.UnseenColour:
                kinds[0] = (kinds[0].Shape, ObjectColours.Unseen[change.NextInt(ObjectColours.Unseen.Length)]);
                break;
            case TaskVariations.UnseenShape:
                kinds[0] = (ObjectShapes.Unseen[change.NextInt(ObjectShapes.Unseen.Length)], kinds[0].Colour);
                break;
            case TaskVariations.UnseenPair:
                MakeUnseenPair(kinds, change);
                break;
            case TaskVariations.Distractors:
                AddDistractors(kinds, change);
                break;
        }

        return kinds;
    }

    private static void MakeUnseenPair(List<(ObjectShape Shape, ObjectColour Colour)> kinds, PhiloxRandom change)
    {
        var (colour, shape) = TaskVariations.HeldOutPairs[change.NextInt(TaskVariations.HeldOutPairs.Count)];
        // Whoever had the colour takes the named object's old one, in a shape that goes with it.
        for (int i = 1; i < kinds.Count; i++)
        {
            if (kinds[i].Colour != colour) continue;
            var other = kinds[i].Shape;
            while (TaskVariations.IsHeldOut(kinds[0].Colour, other)) other = ObjectShapes.Seen[change.NextInt(ObjectShapes.Seen.Length)];
            kinds[i] = (other, kinds[0].Colour);
        }

        kinds[0] = (shape, colour);
    }

    private static void AddDistractors(List<(ObjectShape Shape, ObjectColour Colour)> kinds, PhiloxRandom change)
    {
        // The named things keep their colours for themselves; no two objects are alike.
        while (kinds.Count < 5)
        {
            var kind = (Shape: ObjectShapes.Seen[change.NextInt(ObjectShapes.Seen.Length)], Colour: ObjectColours.Seen[change.NextInt(4)]);
            if (kind.Colour == kinds[0].Colour || kind.Colour == kinds[1].Colour) continue;
            if (TaskVariations.IsHeldOut(kind.Colour, kind.Shape) || kinds.Contains(kind)) continue;
            kinds.Add(kind);
        }
    }

    private static SceneObject[] Place(
        TaskFamily family, EpisodeSpec spec, List<(ObjectShape Shape, ObjectColour Colour)> kinds, PhiloxRandom random)
    {
        bool outside = spec.Variation == TaskVariations.StartRegion;
        var limit = outside ? OuterRegion : kinds.Count > 3 ? new Vector2(0.11f, 0.16f) : Region;
        var objects = new SceneObject[kinds.Count];
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            bool fits = true;
            for (int i = 0; i < objects.Length && fits; i++)
            {
                float x = random.NextFloat(-limit.X, limit.X), y = random.NextFloat(-limit.Y, limit.Y);
                fits = !outside || Math.Abs(x) > Region.X || Math.Abs(y) > Region.Y;
                objects[i] = new SceneObject(kinds[i].Shape, kinds[i].Colour, x, y, random.NextFloat(-0.15f, 0.15f));
                for (int k = 0; k < i && fits; k++)
                {
                    double gap = double.Hypot(x - objects[k].X, y - objects[k].Y) - objects[i].Shape.Radius() - objects[k].Shape.Radius();
                    fits = gap > (family == TaskFamily.Push && i == 1 ? PushGap : Clearance);
                }
            }

            if (fits) return objects;
        }

        throw new InvalidOperationException($"No layout was found in {Attempts} attempts for {spec}.");
    }

    private static LightLook Light(PhiloxRandom change)
    {
        float level = change.NextFloat(0.55f, 1.25f), angle = change.NextFloat(0, 2 * MathF.PI);
        var tint = new Vector3(change.NextFloat(0.8f, 1.1f), change.NextFloat(0.85f, 1.05f), change.NextFloat(0.75f, 1.1f));
        var direction = Vector3.Normalize(new Vector3(0.9f * MathF.Cos(angle), 0.9f * MathF.Sin(angle), -1f));
        return new LightLook(1, level * 0.40f * tint, level * 0.24f * tint, direction, level * 0.60f * tint);
    }

    private static (Vector3 Offset, Vector3 Rotation, float FieldOfView) Camera(PhiloxRandom change)
    {
        float Signed(float low, float high) => (change.NextInt(2) == 0 ? -1 : 1) * change.NextFloat(low, high);
        return (
            new Vector3(Signed(0.02f, 0.05f), Signed(0.01f, 0.02f), Signed(0f, 0.03f)),
            new Vector3(Signed(0f, 0.02f), Signed(0f, 0.03f), Signed(0.02f, 0.07f)),
            32f + Signed(0.5f, 2f));
    }
}
