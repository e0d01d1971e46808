using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Simulation.MuJoCo;
using Engine.Simulation.Tabletop;

namespace Engine.Simulation.Tests.Tabletop;

public sealed class TabletopEnvironmentTests
{
    private const int Image = 64 * 64 * 3;

    [Fact]
    public void Info_and_observations_have_the_declared_shapes()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 2, Threads = 1, Height = 48, Width = 80 });
        world.Reset([0, 1], [new("reach", "in_distribution", 1), new("pick", "in_distribution", 2)]);
        Assert.Equal([new CameraSpec("front", 48, 80), new CameraSpec("wrist", 48, 80)], world.Info.Cameras);
        Assert.Equal(8, world.Info.StateNames.Length);
        Assert.Equal(7, world.Info.ActionNames.Length);
        Assert.Equal(5, world.Info.Embodiment.ControlHz);
        byte[] both = new byte[2 * 2 * 48 * 80 * 3], one = new byte[2 * 48 * 80 * 3];
        world.Render([0, 1], ["front", "wrist"], both);
        world.Render([1, 0], "wrist", one);
        Assert.Equal(both.AsSpan(48 * 80 * 3, 48 * 80 * 3), one.AsSpan(48 * 80 * 3));
        Assert.Equal(both.AsSpan(3 * 48 * 80 * 3), one.AsSpan(0, 48 * 80 * 3));
        Assert.Contains("23040", Assert.Throws<ArgumentException>(() => world.Render([0], ["front", "wrist"], new byte[7])).Message, StringComparison.Ordinal);
        Assert.Contains("front, wrist", Assert.Throws<ArgumentException>(() => world.Render([0], "side", one)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => world.State(0, new float[7]));
        Assert.Throws<ArgumentException>(() => world.Command(0, new float[8]));
    }

    [Fact]
    public void The_state_is_the_measured_pose_and_agrees_with_the_command_at_rest()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 1, Threads = 1 });
        world.Reset([0], [new("pick", "in_distribution", 3)]);
        var actions = new float[][] { [0.02f, 0.01f, 0.01f, 0.1f, -0.1f, 0.15f, 1], [0.01f, -0.02f, 0.02f, 0, 0, 0.15f, 1], [0, 0, 0, 0, 0, 0, 1] };
        float[] state = new float[8], expected = new float[8], command = new float[7];
        world.State(0, state);
        Assert.Equal(1, state[3], 1e-4f);
        foreach (float[] action in actions) world.Step([0], action);
        world.State(0, state);
        world.Command(0, command);
        EmbodimentSpec.ToState(command, expected);
        Assert.Equal(0.3f, command[5], 1e-6f);
        for (int k = 0; k < 3; k++) Assert.True(Math.Abs(expected[k] - state[k]) < 0.0005f, $"position {k}: {expected[k]} commanded, {state[k]} measured");
        for (int k = 3; k < 8; k++) Assert.True(Math.Abs(expected[k] - state[k]) < 0.002f, $"number {k}: {expected[k]} commanded, {state[k]} measured");
    }

    [Fact]
    public void While_moving_the_arm_follows_the_command_within_two_millimetres()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 1, Threads = 1 });
        world.Reset([0], [new("put", "in_distribution", 5)]);
        float[] state = new float[8], command = new float[7];
        for (int t = 0; t < 12; t++)
        {
            float sign = t / 4 % 2 == 0 ? 1 : -1;
            world.Step([0], [sign * 0.035f, -sign * 0.03f, 0.01f, 0, 0, sign * 0.1f, 1]);
            world.State(0, state);
            world.Command(0, command);
            double error = Math.Sqrt(Enumerable.Range(0, 3).Sum(k => Math.Pow(state[k] - command[k], 2)));
            Assert.True(error < 0.002, $"step {t}: {error * 1000:F2} mm");
        }
    }

    [Fact]
    public void Actions_are_clipped_to_the_step_limit_and_the_workspace()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 1, Threads = 1 });
        world.Reset([0], [new("put", "in_distribution", 0)]);
        float[] before = new float[7], after = new float[7];
        world.Command(0, before);
        world.Step([0], [1f, -1f, 1f, 1f, -1f, 1f, 0.4f]);
        world.Command(0, after);
        float[] expected = [before[0] + 0.035f, before[1] - 0.035f, before[2] + 0.035f, 0.15f, -0.15f, 0.15f, 0];
        for (int k = 0; k < 7; k++) Assert.Equal(expected[k], after[k], 1e-6f);
        for (int t = 0; t < 12; t++) world.Step([0], [1f, 1f, 1f, 1f, 1f, 1f, 1f]);
        world.Command(0, after);
        var spec = world.Info.Embodiment;
        for (int k = 0; k < 6; k++) Assert.Equal(spec.PoseHigh[k], after[k]);
        Assert.Equal(1, after[6]);
        Assert.Contains("NaN", Assert.Throws<ArgumentException>(() => world.Step([0], [0, 0, float.NaN, 0, 0, 0, 1])).Message, StringComparison.Ordinal);
        Assert.Contains("[1, 7]", Assert.Throws<ArgumentException>(() => world.Step([0], new float[8])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_episode_is_cut_at_its_limit_and_a_finished_one_cannot_be_stepped()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 2, Threads = 2 });
        Assert.Throws<InvalidOperationException>(() => world.Instruction(0));
        Assert.Throws<InvalidOperationException>(() => world.Step([0], new float[7]));
        world.Reset([0], [new("reach", "in_distribution", 0)]);
        float[] up = [0, 0, 0.01f, 0, 0, 0, 1];
        for (int t = 0; t < TaskFamily.Reach.StepLimit; t++)
        {
            Assert.False(world.Truncated(0));
            world.Step([0], up);
        }

        Assert.True(world.Truncated(0));
        Assert.False(world.Terminated(0));
        Assert.Equal(12, world.Outcome(0).Steps);
        Assert.Contains("reset it first", Assert.Throws<InvalidOperationException>(() => world.Step([0], up)).Message, StringComparison.Ordinal);
        world.Reset([0], [new("reach", "in_distribution", 0)]);
        world.Step([0], up);
        Assert.Equal(1, world.Outcome(0).Steps);
        Assert.Throws<ArgumentException>(() => world.Reset([0, 0], [new("reach", "in_distribution", 0), new("reach", "in_distribution", 0)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => world.Reset([2], [new("reach", "in_distribution", 0)]));
        Assert.Contains("push", Assert.Throws<ArgumentException>(() => world.Reset([0], [new("fold", "in_distribution", 0)])).Message, StringComparison.Ordinal);
        Assert.Contains("unseen_pair", Assert.Throws<ArgumentException>(() => world.Reset([0], [new("reach", "fog", 0)])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_spec_and_actions_give_the_same_bits_whatever_the_others_do()
    {
        var (alone, aloneImages) = Run(count: 1, threads: 1, slot: 0, others: false);
        var (crowd, crowdImages) = Run(count: 6, threads: 3, slot: 4, others: true);
        var (again, againImages) = Run(count: 3, threads: 2, slot: 1, others: true);
        Assert.Equal(alone, crowd);
        Assert.Equal(alone, again);
        Assert.Equal(aloneImages, crowdImages);
        Assert.Equal(aloneImages, againImages);
    }

    [Fact]
    public void Looks_of_one_environment_do_not_leak_into_another()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 3, Threads = 1 });
        EpisodeSpec plain = new("reach", "in_distribution", 7);
        world.Reset([0, 1, 2], [plain, new("reach", "texture", 7), plain]);
        byte[] images = new byte[3 * Image];
        world.Render([0, 1, 2], "front", images);
        Assert.Equal(images.AsSpan(0, Image), images.AsSpan(2 * Image));
        Assert.False(images.AsSpan(0, Image).SequenceEqual(images.AsSpan(Image, Image)));
        foreach (string variation in new[] { "lighting", "camera", "unseen_colour" })
        {
            world.Reset([1], [new("reach", variation, 7)]);
            byte[] varied = new byte[Image];
            world.Render([1], "front", varied);
            Assert.False(images.AsSpan(0, Image).SequenceEqual(varied));
        }

        world.Render([2], "front", images.AsSpan(Image, Image));
        Assert.Equal(images.AsSpan(0, Image), images.AsSpan(Image, Image));
    }

    [Fact]
    public void Objects_are_seen_in_their_colours_at_least_five_pixels_wide()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 1, Threads = 1 });
        byte[] image = new byte[Image];
        int checkedObjects = 0;
        for (ulong seed = 0; seed < 12; seed++)
        {
            world.Reset([0], [new("pick", "in_distribution", seed)]);
            world.Render([0], "front", image);
            foreach (var item in world.Snapshot(0).Layout.Objects)
            {
                var columns = new HashSet<int>();
                for (int pixel = 0; pixel < 64 * 64; pixel++)
                {
                    if (LooksLike(item.Colour, image.AsSpan(3 * pixel, 3))) columns.Add(pixel % 64);
                }

                if (columns.Count >= 5) checkedObjects++;
            }
        }

        // A few stand behind the hand.
        Assert.InRange(checkedObjects, 33, 36);
    }

    [Fact]
    public void A_thousand_resets_leave_no_native_objects_behind()
    {
        var before = MujocoLibrary.LiveHandles();
        using (var world = new TabletopEnvironment(new TabletopOptions { Count = 4, Threads = 2 }))
        {
            int[] all = [0, 1, 2, 3];
            byte[] images = new byte[4 * Image];
            for (ulong round = 0; round < 250; round++)
            {
                string task = TaskFamily.All[(int)(round % 4)].Name;
                world.Reset(all, [.. all.Select(i => new EpisodeSpec(task, "in_distribution", 4 * round + (ulong)i))]);
                if (round % 50 == 0) world.Render(all, "front", images);
            }

            var during = MujocoLibrary.LiveHandles();
            Assert.Equal(4, during.Data - before.Data);
            Assert.True(during.Models - before.Models <= 80, $"{during.Models - before.Models} models");
            Assert.InRange(during.Renderers - before.Renderers, 1, 2);
        }

        Assert.Equal(before, MujocoLibrary.LiveHandles());
    }

    [Fact]
    public void A_control_step_allocates_nothing()
    {
        using var models = new SceneModelCache(shadows: false);
        using var simulation = new TabletopSimulation(models);
        simulation.Reset(new EpisodeSpec("put", "in_distribution", 1));
        float[] action = [0.01f, 0, 0.01f, 0, 0, 0.01f, 1], state = new float[8];
        simulation.Step(action);
        simulation.State(state);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int t = 0; t < 5; t++)
        {
            simulation.Step(action);
            simulation.State(state);
            _ = simulation.Progress();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new TabletopEnvironment(new TabletopOptions { Count = 0 }));
        Assert.Throws<ArgumentException>(() => new TabletopEnvironment(new TabletopOptions { Height = 4 }));
        Assert.Throws<ArgumentException>(() => new TabletopEnvironment(new TabletopOptions { Supersample = 9 }));
        Assert.Throws<ArgumentException>(() => new TabletopEnvironment(new TabletopOptions { Cameras = ["back"] }));
    }

    private static bool LooksLike(ObjectColour colour, ReadOnlySpan<byte> rgb)
    {
        int r = rgb[0], g = rgb[1], b = rgb[2];
        return colour switch
        {
            ObjectColour.Red => r > 110 && g < 60 && b < 60,
            ObjectColour.Blue => b > 110 && r < 60 && g < 90,
            ObjectColour.Yellow => r > 140 && g > 120 && b < 60,
            _ => g > 80 && r < 60 && b < 70,
        };
    }

    private static (List<double[]> States, List<byte[]> Images) Run(int count, int threads, int slot, bool others)
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = count, Threads = threads });
        var random = new PhiloxRandom(new PhiloxKey(9, 1));
        var states = new List<double[]>();
        var images = new List<byte[]>();
        int[] all = others ? [.. Enumerable.Range(0, count)] : [slot];
        if (others)
        {
            // A past: another scene and some steps in the same slot.
            world.Reset([slot], [new("put", "distractors", 77)]);
            for (int t = 0; t < 3; t++) world.Step([slot], [0, 0, -0.03f, 0, 0, 0, 0]);
        }

        world.Reset(all, [.. all.Select(i => i == slot ? new EpisodeSpec("push", "in_distribution", 21) : new EpisodeSpec("put", "in_distribution", (ulong)i))]);
        for (int t = 0; t < 10; t++)
        {
            float[] action = [random.NextFloat(-0.035f, 0.035f), random.NextFloat(-0.035f, 0.035f), random.NextFloat(-0.035f, 0.005f), 0, 0, random.NextFloat(-0.1f, 0.1f), random.NextInt(2)];
            float[] actions = [.. all.SelectMany(i => i == slot ? action : [0.01f * i, -0.01f, -0.01f, 0, 0, 0, 1])];
            world.Step(all, actions);
            states.Add(world.PhysicalState(slot));
            byte[] image = new byte[all.Length * Image];
            world.Render(all, "front", image);
            images.Add(image.AsSpan(Array.IndexOf(all, slot) * Image, Image).ToArray());
        }

        return (states, images);
    }
}
