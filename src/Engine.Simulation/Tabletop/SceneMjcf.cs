using System.Globalization;
using System.Text;

namespace Engine.Simulation.Tabletop;

/// <summary>Writes the MJCF of a table, the arm and a set of objects. Every text has the same textures, so that one renderer draws all.</summary>
public static class SceneMjcf
{
    /// <summary>Texture of the table in distribution.</summary>
    public const string PlainTexture = "table_plain";

    /// <summary>Textures that only the variation <c>texture</c> shows.</summary>
    public static IReadOnlyList<string> OtherTextures { get; } = ["table_checker", "table_speckle", "table_blobs"];

    /// <summary>The model's text.</summary>
    /// <param name="shapes">The objects, named <c>object0</c>, <c>object1</c>, … in this order.</param>
    /// <param name="shadows">Whether the light casts shadows: about three times slower to draw.</param>
    public static string Build(ReadOnlySpan<ObjectShape> shapes, bool shadows)
    {
        var text = new StringBuilder(Header(shadows));
        for (int i = 0; i < shapes.Length; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"""<body name="object{i}" pos="{0.1 * i} .35 .05"><freejoint name="object{i}"/>""");
            text.Append(shapes[i].Mjcf($"object{i}")).Append("</body>\n");
        }

        AppendArm(text);
        AppendActuators(text);
        return text.ToString();
    }

    private static string Header(bool shadows) => $"""
        <mujoco model="tabletop">
          <compiler angle="radian" autolimits="true" boundmass=".000001" boundinertia=".000000001"/>
          <option timestep="0.002" cone="elliptic" impratio="10" solver="Newton" iterations="30" tolerance="1e-9"/>
          <size njmax="400" nconmax="120" nstack="120000"/>
          <statistic extent="1" center="0 0 0" meansize="0.04"/>
          <visual>
            <global offwidth="64" offheight="64" fovy="45"/>
            <quality shadowsize="{(shadows ? 1024 : 0)}" offsamples="0" numslices="20" numstacks="14"/>
            <map znear="0.01" zfar="10" shadowclip="0.6"/>
            <headlight ambient=".46 .46 .46" diffuse=".30 .30 .30" specular="0 0 0"/>
          </visual>
          <asset>
            <texture name="sky" type="skybox" builtin="gradient" rgb1=".36 .42 .50" rgb2=".16 .18 .22" width="32" height="192"/>
            <texture name="table_plain" type="2d" builtin="flat" rgb1=".74 .70 .64" rgb2=".74 .70 .64" width="8" height="8"/>
            <texture name="table_checker" type="2d" builtin="checker" rgb1=".80 .76 .70" rgb2=".50 .45 .40" width="64" height="64"/>
            <texture name="table_speckle" type="2d" builtin="flat" mark="random" random=".25" markrgb=".40 .36 .34" rgb1=".76 .74 .72" rgb2=".76 .74 .72" width="64" height="64"/>
            <texture name="table_blobs" type="2d" builtin="gradient" rgb1=".85 .80 .70" rgb2=".45 .38 .30" width="64" height="64"/>
            <material name="table" texture="table_plain" texrepeat="8 8" specular="0" reflectance="0"/>
            <material name="arm" rgba=".90 .91 .93 1" specular=".1" shininess=".1"/>
            <material name="joint" rgba=".55 .58 .62 1" specular=".1" shininess=".1"/>
            <material name="hand" rgba=".35 .37 .40 1" specular="0"/>
            <material name="finger" rgba=".05 .05 .06 1" specular="0"/>
          </asset>
          <default>
            <default class="object"><geom contype="1" conaffinity="3" condim="3" friction="1 .01 .0002" solref=".01 1" solimp=".95 .99 .001" density="400"/></default>
            <default class="pad"><geom type="box" contype="1" conaffinity="3" condim="4" friction="1.5 .02 .0002" solref=".01 1" solimp=".95 .99 .001" material="finger" mass=".02"/></default>
            <default class="link"><geom contype="0" conaffinity="0" mass=".3" material="arm"/></default>
          </default>
          <worldbody>
            <light name="sun" pos="0 0 2" dir="-.45 .25 -1" directional="true" diffuse=".42 .42 .42" specular="0 0 0" castshadow="{(shadows ? "true" : "false")}"/>
            <camera name="front" pos="{CameraPosition}" xyaxes="0 1 0 {CameraUp}" fovy="32"/>
            <geom name="table" type="box" pos="0 0 -.02" size=".55 .6 .02" material="table" contype="0" conaffinity="0"/>
            <geom name="surface" type="plane" pos="0 0 0" size=".55 .6 .02" friction="1 .01 .0002" condim="3" contype="1" conaffinity="3" group="4"/>

        """;

    private const string CameraPosition = ".467 0 .565";
    private const string CameraUp = "-.743 0 .669";

    private static void AppendActuators(StringBuilder text)
    {
        text.Append("  </worldbody>\n  <contact><exclude body1=\"left_finger\" body2=\"right_finger\"/></contact>\n  <actuator>\n");
        for (int i = 0; i < PandaChain.Joints; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"""
                    <position name="joint{i + 1}" joint="joint{i + 1}" kp="{PandaServo.Stiffness[i]}" forcerange="-{PandaServo.Limit[i]} {PandaServo.Limit[i]}"/>

                """);
        }

        foreach (string finger in (ReadOnlySpan<string>)["left_finger", "right_finger"])
            text.Append(CultureInfo.InvariantCulture, $"""    <position name="{finger}" joint="{finger}" kp="1000" ctrlrange="-.01 .04" forcerange="-15 15"/>""").Append('\n');
        text.Append("  </actuator>\n</mujoco>\n");
    }

    private static void AppendArm(StringBuilder text)
    {
        // What is drawn of each link, in its own frame: slim, so that the arm hides little of the table.
        string[] drawn =
        [
            """<geom class="link" type="capsule" fromto="0 0 -.20 0 0 -.05" size=".05"/>""",
            """<geom class="link" type="capsule" fromto="0 0 -.05 0 0 .05" size=".048" material="joint"/>""",
            """<geom class="link" type="capsule" fromto="0 0 -.22 0 0 -.05" size=".042"/>""",
            """<geom class="link" type="capsule" fromto="0 0 -.04 0 0 .04" size=".042" material="joint"/>""",
            """<geom class="link" type="capsule" fromto="0 0 -.26 0 0 -.05" size=".034"/>""",
            """<geom class="link" type="capsule" fromto="0 0 -.035 0 0 .035" size=".034" material="joint"/>""",
            """<geom class="link" type="capsule" fromto="0 0 .0 0 0 .07" size=".026"/>""",
        ];
        text.Append(CultureInfo.InvariantCulture, $"""<body name="base" pos="{PandaChain.Base[0]} {PandaChain.Base[1]} {PandaChain.Base[2]}"><geom class="link" type="cylinder" pos="0 0 .07" size=".06 .07" material="joint"/>""");
        for (int i = 0; i < PandaChain.Joints; i++)
        {
            var link = PandaChain.Links[i];
            var (sin, cos) = Math.SinCos(link.RotateX / 2);
            text.Append(CultureInfo.InvariantCulture, $"""
                <body name="link{i + 1}" pos="{link.X} {link.Y} {link.Z}" quat="{cos:R} {sin:R} 0 0"><joint name="joint{i + 1}" axis="0 0 1" range="{link.Low} {link.High}" damping="{PandaServo.Damping[i]}" armature=".3"/>{drawn[i]}

                """);
        }

        var (turnSin, turnCos) = Math.SinCos(PandaChain.HandTurn / 2);
        text.Append(CultureInfo.InvariantCulture, $"""
            <body name="hand" pos="0 0 {PandaChain.FlangeOffset}" quat="{turnCos:R} 0 0 {turnSin:R}">
              <geom class="link" type="box" pos="0 0 .013" size=".014 .056 .013" material="hand"/>
              <camera name="wrist" pos=".085 0 -.01" xyaxes="0 1 0 .907 0 .42" fovy="70"/>
              <site name="tip" pos="0 0 {PandaChain.FingertipOffset}" size=".002" rgba="0 0 0 0"/>
            """);
        foreach (var (name, side) in (ReadOnlySpan<(string, int)>)[("left_finger", 1), ("right_finger", -1)])
        {
            text.Append(CultureInfo.InvariantCulture, $"""
                  <body name="{name}" pos="0 0 .0584"><joint name="{name}" type="slide" axis="0 {side} 0" range="0 .04" damping="20" armature=".05"/>
                    <geom class="link" type="box" pos="0 {side * 0.010} -.005" size=".008 .006 .027" mass=".01" material="finger"/>
                    <geom name="{name}_pad" class="pad" pos="0 {side * 0.006} .036" size=".010 .006 .020"/>
                  </body>
                """);
        }

        text.Append("</body>");
        for (int i = 0; i < PandaChain.Joints; i++) text.Append("</body>");
        text.Append("</body>\n");
    }
}
