using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Training.Tests.Learning;

namespace Engine.Training.Tests.Rollouts;

public sealed class DreamEnvironmentTests
{
    private const int StepLimit = 4;

    /// <summary>One environment alone goes through the very bytes that it goes through among others, over several episodes.</summary>
    [Fact]
    public void What_an_environment_dreams_does_not_depend_on_the_others()
    {
        using var dream = new TinyDream(new TinyWorld(8, 3), 2, aimed: false);
        using var together = dream.Environment(5, StepLimit);
        using var alone = dream.Environment(5, StepLimit);
        const int watched = 3;
        together.Reset([0, 1, 2, 3, 4]);
        alone.Reset([watched]);
        for (int step = 0; step < 10; step++)
        {
            // Others sit out now and then, so that the watched one stands at several places in the batch.
            int[] group = [.. Enumerable.Range(0, 5).Where(n => n == watched || (step + n) % 3 != 0)];
            together.Step(group, [.. group.SelectMany(n => Action(n, step))]);
            alone.Step([watched], Action(watched, step));
            Assert.Equal(alone.SuccessProbability[watched], together.SuccessProbability[watched]);
            Assert.Equal(alone.Reward[watched], together.Reward[watched]);
            Assert.Equal(alone.Truncated[watched], together.Truncated[watched]);
            Same(watched);
            int[] ended = [.. group.Where(n => together.Truncated[n] || together.Terminated[n])];
            together.Reset(ended);
            if (ended.Contains(watched)) alone.Reset([watched]);
            Same(watched);
        }

        void Same(int n)
        {
            int bytes = dream.World.Camera.Bytes;
            Assert.Equal(alone.StartEpisode[n], together.StartEpisode[n]);
            Assert.Equal(alone.States.AsSpan(n * 8, 8).ToArray(), together.States.AsSpan(n * 8, 8).ToArray());
            Assert.Equal(alone.Images.AsSpan(n * bytes, bytes).ToArray(), together.Images.AsSpan(n * bytes, bytes).ToArray());
        }
    }

    [Fact]
    public void Another_action_episode_or_seed_is_another_dream()
    {
        using var dream = new TinyDream(new TinyWorld(8, 3), 2, aimed: false);
        float[] Run(ulong seed, int episode, float push)
        {
            using var environment = dream.Environment(1, StepLimit, seed);
            for (int e = 0; e <= episode; e++) environment.Reset([0], [2]);
            environment.Step([0], [push, 0, 0, 0, 0, 0, 1]);
            return [.. environment.Images.Select(b => (float)b), environment.SuccessProbability[0], environment.Reward[0]];
        }

        float[] first = Run(3, 0, 0.04f);
        Assert.Equal(first, Run(3, 0, 0.04f));
        Assert.NotEqual(first, Run(3, 0, -0.04f));
        Assert.NotEqual(first, Run(3, 1, 0.04f));
        Assert.NotEqual(first, Run(4, 0, 0.04f));
    }

    [Fact]
    public void The_commanded_pose_and_the_state_follow_the_embodiment()
    {
        var world = new TinyWorld(4, 3);
        using var dream = new TinyDream(world, 2);
        using var environment = dream.Environment(2, StepLimit);
        environment.Reset([0, 1], [3, 1]);
        Assert.Equal([3, 1], environment.StartEpisode);
        Assert.Equal(world.Set.Episodes[3].Instruction, environment.Instructions[0]);
        var command = new float[7];
        var state = new float[8];
        for (int i = 0; i < 7; i++) command[i] = world.Set.Episodes[1].Commands[0, i];
        for (int step = 0; step < 3; step++)
        {
            float[] action = [.. Action(1, step)];
            action[0] = 3;
            environment.Step([1], action);
            world.Embodiment.Advance(command, action);
            EmbodimentSpec.ToState(command, state);
            Assert.Equal(command, environment.Command(1).ToArray());
            Assert.Equal(state, environment.States[8..]);
        }

        Assert.Equal(3, environment.Time(1));
        Assert.Equal(0, environment.Time(0));
    }

    [Fact]
    public void An_episode_is_cut_at_the_limit_or_ends_in_success_and_never_goes_on_silently()
    {
        using var never = new TinyDream(new TinyWorld(4, 3), 2);
        using (var environment = never.Environment(1, StepLimit))
        {
            environment.Reset([0]);
            for (int step = 1; step <= StepLimit; step++)
            {
                environment.Step([0], Action(0, step));
                Assert.Equal(step == StepLimit, environment.Truncated[0]);
                Assert.False(environment.Terminated[0]);
            }

            Assert.Throws<InvalidOperationException>(() => environment.Step([0], Action(0, 0)));
            environment.Reset([0]);
            Assert.False(environment.Truncated[0]);
            Assert.Equal(0, environment.Time(0));
            environment.Step([0], Action(0, 0));
        }

        using var always = new TinyDream(new TinyWorld(4, 3), -1);
        using (var environment = always.Environment(1, 1))
        {
            environment.Reset([0]);
            environment.Step([0], Action(0, 0));
            // Success at the last step is a success, not a cut.
            Assert.True(environment.Terminated[0]);
            Assert.False(environment.Truncated[0]);
            Assert.Throws<InvalidOperationException>(() => environment.Step([0], Action(0, 0)));
        }
    }

    [Fact]
    public void The_reward_is_that_of_the_action_taken()
    {
        using var dream = new TinyDream(new TinyWorld(4, 3), 2);
        using var environment = dream.Environment(2, StepLimit);
        environment.Reset([0, 1]);
        environment.Step([1, 0], [0.025f, 0, 0, 0, 0, 0, 1, -0.05f, 0, 0, 0, 0, 0, 1]);
        Assert.Equal(-1.5f, environment.Reward[0], 1e-5f);
        Assert.Equal(0, environment.Reward[1], 1e-5f);
        environment.Reset([0]);
        Assert.Equal(0, environment.Reward[0]);
    }

    [Fact]
    public void Starts_are_a_function_of_seed_environment_and_episode()
    {
        using var dream = new TinyDream(new TinyWorld(8, 3), 2);
        var starts = dream.Starts();
        var drawn = Enumerable.Range(0, 400).Select(i => starts.Draw(1, i % 20, (uint)(i / 20)).Episode).ToArray();
        Assert.Equal(drawn, Enumerable.Range(0, 400).Select(i => starts.Draw(1, i % 20, (uint)(i / 20)).Episode));
        Assert.NotEqual(drawn, Enumerable.Range(0, 400).Select(i => starts.Draw(2, i % 20, (uint)(i / 20)).Episode));
        // 50 of each are expected; the deviation is 6.6.
        Assert.All(Enumerable.Range(0, 8), e => Assert.InRange(drawn.Count(d => d == e), 20, 80));
        var start = starts.At(5);
        Assert.Equal(dream.Latents[5][..16], start.Latents.ToArray());
        Assert.Equal(dream.World.Set.Tokens[5], start.Tokens);
        for (int i = 0; i < 7; i++) Assert.Equal(dream.World.Set.Episodes[5].Commands[0, i], start.Command[i]);
    }

    private static float[] Action(int environment, int step)
    {
        var action = new float[7];
        Philox.FillUniform(action, new PhiloxKey(12, PhiloxStream.PlayBehaviour, (uint)environment, 0, (uint)step));
        for (int i = 0; i < 6; i++) action[i] = 0.1f * (action[i] - 0.5f);
        return action;
    }
}
