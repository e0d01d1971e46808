using System.Globalization;
using System.Text;

namespace Engine.Simulation.Tabletop;

/// <summary>
/// Measures and MJCF geoms of every <see cref="ObjectShape"/>. A body's origin is at the object's middle; the letters' is on their stem,
/// where a gripper can hold them.
/// </summary>
public static class ObjectShapes
{
    /// <summary>Shapes of in-distribution targets.</summary>
    public static ReadOnlySpan<ObjectShape> Seen => [ObjectShape.Cube, ObjectShape.Cylinder, ObjectShape.Ball];

    /// <summary>Targets that only the variation <c>unseen_shape</c> shows.</summary>
    public static ReadOnlySpan<ObjectShape> Unseen => [ObjectShape.BlockL, ObjectShape.BlockT];

    /// <summary>What the family <c>put</c> puts things on or in.</summary>
    public static ReadOnlySpan<ObjectShape> Receptacles => [ObjectShape.Plate, ObjectShape.Bowl];

    /// <summary>The words of an instruction.</summary>
    public static string Word(this ObjectShape shape) => shape switch
    {
        ObjectShape.Cube => "cube",
        ObjectShape.Cylinder => "cylinder",
        ObjectShape.Ball => "ball",
        ObjectShape.BlockL => "letter L",
        ObjectShape.BlockT => "letter T",
        ObjectShape.Bowl => "bowl",
        ObjectShape.Plate => "plate",
        _ => throw new ArgumentOutOfRangeException(nameof(shape), shape, "Unknown shape."),
    };

    /// <summary>Radius (m) of the circle around the origin that counts as the object's outline on the table.</summary>
    public static double Radius(this ObjectShape shape) => shape switch
    {
        ObjectShape.Cube => 0.0225,
        ObjectShape.Cylinder => 0.020,
        ObjectShape.Ball => 0.022,
        ObjectShape.BlockL or ObjectShape.BlockT => 0.030,
        ObjectShape.Bowl => 0.050,
        _ => 0.050,
    };

    /// <summary>Height (m) of the origin above the surface that the object rests on.</summary>
    public static double RestHeight(this ObjectShape shape) => shape switch
    {
        ObjectShape.Cube => 0.020,
        ObjectShape.Cylinder or ObjectShape.Ball => 0.022,
        ObjectShape.BlockL or ObjectShape.BlockT => 0.016,
        ObjectShape.Bowl => 0.004,
        _ => 0.004,
    };

    /// <summary>Height (m) of the top above the surface that the object rests on.</summary>
    public static double Height(this ObjectShape shape) => shape switch
    {
        ObjectShape.Cube => 0.040,
        ObjectShape.Cylinder or ObjectShape.Ball => 0.044,
        ObjectShape.BlockL or ObjectShape.BlockT => 0.032,
        ObjectShape.Bowl => 0.036,
        _ => 0.008,
    };

    /// <summary>Symmetry about the vertical (rad): turning by it changes nothing for a gripper; 0 where any turn is alike.</summary>
    public static double Symmetry(this ObjectShape shape) => shape switch
    {
        ObjectShape.Cube => Math.PI / 2,
        ObjectShape.BlockL or ObjectShape.BlockT => Math.PI,
        _ => 0,
    };

    /// <summary>The MJCF geoms of one object, named <c>{prefix}_{i}</c>; their colour comes with each environment.</summary>
    public static string Mjcf(this ObjectShape shape, string prefix)
    {
        var text = new StringBuilder();
        int count = 0;
        void Add(string attributes) => text.Append(CultureInfo.InvariantCulture, $"""<geom name="{prefix}_{count++}" class="object" {attributes}/>""");

        switch (shape)
        {
            case ObjectShape.Cube:
                Add("type=\"box\" size=\".02 .02 .02\"");
                break;
            case ObjectShape.Cylinder:
                // MuJoCo gives a cylinder one contact point with a box, on which it cannot stand: a box inside it does the standing.
                Add("type=\"cylinder\" size=\".02 .022\" conaffinity=\"1\"");
                Add("type=\"box\" size=\".0138 .0138 .022\" contype=\"0\" conaffinity=\"2\" mass=\"0\" group=\"4\"");
                break;
            case ObjectShape.Ball:
                Add("type=\"sphere\" size=\".022\" condim=\"6\" friction=\"1 .01 .002\"");
                break;
            case ObjectShape.BlockL:
                Add("type=\"box\" pos=\"0 0 0\" size=\".034 .013 .016\"");
                Add("type=\"box\" pos=\"-.021 .026 0\" size=\".013 .013 .016\"");
                break;
            case ObjectShape.BlockT:
                Add("type=\"box\" pos=\".004 0 0\" size=\".026 .013 .016\"");
                Add("type=\"box\" pos=\"-.035 0 0\" size=\".013 .036 .016\"");
                break;
            case ObjectShape.Bowl:
                AddBowl(Add);
                break;
            case ObjectShape.Plate:
                Add("type=\"cylinder\" size=\".05 .004\" contype=\"0\" conaffinity=\"0\" density=\"1000\"");
                Add("type=\"cylinder\" pos=\"0 0 .0002\" size=\".034 .004\" contype=\"0\" conaffinity=\"0\" mass=\"0\"");
                Add("type=\"box\" size=\".039 .039 .004\" contype=\"2\" conaffinity=\"2\" mass=\"0\" group=\"4\"");
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(shape), shape, "Unknown shape.");
        }

        return text.ToString();
    }

    /// <summary>Number of geoms of <see cref="Mjcf"/>.</summary>
    public static int GeomCount(this ObjectShape shape) => shape switch
    {
        ObjectShape.Cylinder or ObjectShape.BlockL or ObjectShape.BlockT => 2,
        ObjectShape.Plate => 3,
        ObjectShape.Bowl => BowlWalls + 2,
        _ => 1,
    };

    private const int BowlWalls = 10;

    private static void AddBowl(Action<string> add)
    {
        // A disc (a box to touch), and a ring of slabs that lean outwards by 30 degrees.
        add("type=\"cylinder\" size=\".034 .004\" contype=\"0\" conaffinity=\"0\" density=\"1000\"");
        add("type=\"box\" size=\".026 .026 .004\" contype=\"2\" conaffinity=\"2\" mass=\"0\" group=\"4\"");
        for (int i = 0; i < BowlWalls; i++)
        {
            double angle = 2 * Math.PI * i / BowlWalls, lean = Math.PI / 6;
            var (sin, cos) = Math.SinCos(angle);
            string position = FormattableString.Invariant($"{0.041 * cos:F5} {0.041 * sin:F5} .016");
            // x axis: outwards and down along the lean; y axis: along the rim.
            string axes = FormattableString.Invariant(
                $"{cos * Math.Cos(lean):F6} {sin * Math.Cos(lean):F6} {-Math.Sin(lean):F6} {-sin:F6} {cos:F6} 0");
            add($"type=\"box\" pos=\"{position}\" xyaxes=\"{axes}\" size=\".003 .0155 .018\"");
        }
    }
}
