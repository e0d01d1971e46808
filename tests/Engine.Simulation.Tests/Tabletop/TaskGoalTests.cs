using Engine.Runtime.Contract;
using Engine.Simulation.Tabletop;

namespace Engine.Simulation.Tests.Tabletop;

public sealed class TaskGoalTests
{
    [Theory]
    [InlineData(0.0215, 0.047, true)]
    [InlineData(0.0225, 0.047, false)]
    [InlineData(0.0, 0.053, false)]
    public void Reach_wants_the_fingertips_near_and_low(double distance, double height, bool expected)
    {
        var now = Snapshot("reach");
        (now.Tip[0], now.Tip[1], now.Tip[2]) = (now.Positions[0] + distance, now.Positions[1], height);
        Assert.Equal(expected, TaskGoal.Reached(now));
        Assert.Equal(expected, TaskGoal.Progress(now, 0.2, 0) == 1f);
    }

    [Theory]
    [InlineData(0.049, 0.0, true)]
    [InlineData(0.051, 0.0, false)]
    [InlineData(0.049, 0.02, false)]
    public void Push_wants_outlines_within_five_centimetres_and_the_object_on_the_table(double gap, double lift, bool expected)
    {
        var now = Snapshot("push");
        int y = now.Layout.Destination;
        now.Positions[0] = now.Positions[3 * y] - gap - now.Layout.Objects[0].Shape.Radius() - now.Layout.Objects[y].Shape.Radius();
        now.Positions[1] = now.Positions[3 * y + 1];
        now.Positions[2] += lift;
        Assert.Equal(expected, TaskGoal.Reached(now));
    }

    [Theory]
    [InlineData(0.0501, true)]
    [InlineData(0.0499, false)]
    public void Pick_wants_five_centimetres_of_lift(double lift, bool expected)
    {
        var now = Snapshot("pick");
        now.Positions[2] = now.Layout.Objects[0].Shape.RestHeight() + lift;
        Assert.Equal(expected, TaskGoal.Reached(now));
    }

    [Theory]
    [InlineData(0.0, 0.0, 1f, false, 0.0, true)]
    [InlineData(0.045, 0.0, 1f, false, 0.0, false)] // beside the plate's middle
    [InlineData(0.0, 0.02, 1f, false, 0.0, false)] // above it
    [InlineData(0.0, 0.0, 0f, false, 0.0, false)] // gripper closed
    [InlineData(0.0, 0.0, 1f, true, 0.0, false)] // still touched
    [InlineData(0.0, 0.0, 1f, false, 0.2, false)] // still moving
    public void Put_wants_the_object_at_rest_on_the_plate_and_the_gripper_open(double aside, double above, float gripper, bool touched, double speed, bool expected)
    {
        var now = Snapshot("put");
        int y = now.Layout.Destination;
        now.Positions[0] = now.Positions[3 * y] + aside;
        now.Positions[1] = now.Positions[3 * y + 1];
        now.Positions[2] = now.Positions[3 * y + 2] + 0.004 + now.Layout.Objects[0].Shape.RestHeight() + above;
        now.Command[6] = gripper;
        now.Touched[0] = touched;
        now.Speeds[0] = speed;
        Assert.Equal(expected, TaskGoal.Reached(now));
        float progress = TaskGoal.Progress(now, 0.2, 0.15);
        Assert.InRange(progress, 0, 1);
        Assert.Equal(expected, progress == 1f);
    }

    [Fact]
    public void Progress_grows_along_the_experts_way()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 4 });
        for (int family = 0; family < 4; family++)
        {
            world.Reset([family], [new EpisodeSpec(TaskFamily.All[family].Name, "in_distribution", 11)]);
            Assert.InRange(world.Progress(family), 0, 0.3f);
            var memory = default(ExpertMemory);
            float[] action = new float[7];
            float half = 0;
            while (!world.Terminated(family))
            {
                Assert.InRange(world.Progress(family), 0, 0.99f);
                half = Math.Max(half, world.Progress(family));
                ScriptedExpert.Act(world.Snapshot(family), ref memory, action);
                world.Step([family], action);
            }

            Assert.Equal(1f, world.Progress(family));
            Assert.True(half > 0.4f, $"{TaskFamily.All[family].Name}: {half}");
        }
    }

    /// <summary>Object 0 is the named one; the gripper is open and far away.</summary>
    private static TabletopSnapshot Snapshot(string task)
    {
        SceneObject[] objects =
        [
            new(ObjectShape.Cube, ObjectColour.Red, 0.05, 0.02, 0),
            new(ObjectShape.Ball, ObjectColour.Blue, -0.06, 0.08, 0),
            new(ObjectShape.Plate, ObjectColour.Yellow, 0.0, -0.10, 0),
        ];
        var now = new TabletopSnapshot
        {
            Layout = new SceneLayout
            {
                Task = task,
                Variation = "in_distribution",
                Objects = objects,
                Target = 0,
                Destination = task == "push" ? 1 : task == "put" ? 2 : -1,
                Instruction = "test",
                Start = [0, 0, 0.12f],
            },
        };
        now.Resize(3);
        for (int i = 0; i < 3; i++)
        {
            now.Positions[3 * i] = objects[i].X;
            now.Positions[3 * i + 1] = objects[i].Y;
            now.Positions[3 * i + 2] = objects[i].Shape.RestHeight();
        }

        now.Command[6] = 1;
        now.Tip[2] = 0.2;
        return now;
    }
}
