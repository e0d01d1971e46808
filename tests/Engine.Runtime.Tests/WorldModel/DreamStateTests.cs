using Engine.Kernels.Threading;
using Engine.Runtime.WorldModel;

namespace Engine.Runtime.Tests.WorldModel;

public class DreamStateTests
{
    private static readonly WorldModelConfig Config = RandomModel.Small;

    public static TheoryData<bool, bool, DreamMode> Options()
    {
        var data = new TheoryData<bool, bool, DreamMode>();
        foreach (bool previous in new[] { false, true })
        {
            foreach (bool change in new[] { false, true })
            {
                foreach (DreamMode mode in Enum.GetValues<DreamMode>()) data.Add(previous, change, mode);
            }
        }

        return data;
    }

    /// <summary>The definition, word by word, on the whole-window network: what the exact mode must equal.</summary>
    [Theory]
    [InlineData(false, false, 2)]
    [InlineData(true, false, 2)]
    [InlineData(false, true, 3)]
    [InlineData(true, true, 1)]
    [InlineData(true, true, 4)]
    public void Exact_mode_equals_whole_windows(bool previous, bool change, int steps)
    {
        WorldModelConfig config = Config with { PreviousFrameInput = previous, PredictChange = change };
        using WorldModelWeights weights = RandomModel.Create(config);
        using var forward = new WorldModelForward(weights, config.MaxFrames);
        using var dream = new DreamState(weights, 1, DreamMode.Exact, steps);
        int frame = config.FrameNumbers, width = config.ActionDim;
        const int Context = 2, New = 6;
        float[] actions = RandomModel.Normal((Context + New) * width, 1), noise = RandomModel.Normal(New * frame, 2);
        var sequence = new float[(Context + New) * frame];
        RandomModel.Normal(Context * frame, 3).CopyTo(sequence, 0);
        dream.Reset(0, 0, sequence.AsSpan(0, Context * frame), actions.AsSpan(0, Context * width));
        int[] ladder = weights.Schedule.Ladder(steps);
        float scale = (float)Math.Sqrt(weights.Schedule.AlphaBar(14));
        var made = new float[frame];
        for (int k = 0; k < New; k++)
        {
            int current = Context + k, start = Math.Max(0, current + 1 - config.MaxFrames), length = current + 1 - start;
            float[] x = noise[(k * frame)..((k + 1) * frame)], v = new float[length * frame];
            for (int level = steps; level > 0; level--)
            {
                float[] seen = [.. sequence[(start * frame)..(current * frame)].Select(value => scale * value), .. x];
                int[] times = [.. Enumerable.Repeat(14, length - 1), ladder[level]];
                forward.Run(seen, times, actions.AsSpan(start * width, length * width), 1, length, v);
                double a = weights.Schedule.AlphaBar(ladder[level]), b = weights.Schedule.AlphaBar(ladder[level - 1]);
                for (int i = 0; i < frame; i++)
                {
                    double now = x[i], velocity = v[(length - 1) * frame + i];
                    double clean = Math.Sqrt(a) * now - Math.Sqrt(1 - a) * velocity, eps = Math.Sqrt(1 - a) * now + Math.Sqrt(a) * velocity;
                    x[i] = (float)(Math.Sqrt(b) * clean + Math.Sqrt(1 - b) * eps);
                }
            }

            x.CopyTo(sequence, current * frame);
            dream.Step([0], actions.AsSpan(current * width, width), noise.AsSpan(k * frame, frame), made);
            GoldenModel.Near(x, made, 1e-4f, 1e-4f, $"frame {current}");
            // Errors would add up over frames; compare each step from the same past.
            made.CopyTo(sequence, current * frame);
        }
    }

    [Theory]
    [MemberData(nameof(Options))]
    public void A_frame_depends_on_its_own_environment_only_bit_for_bit(bool previous, bool change, DreamMode mode)
    {
        WorldModelConfig config = Config with { PreviousFrameInput = previous, PredictChange = change };
        using WorldModelWeights weights = RandomModel.Create(config);
        const int Environments = 11, Steps = 6;
        float[][] alone = new float[Environments][];
        for (int e = 0; e < Environments; e++)
        {
            using var pool = new WorkerPool(1);
            using var dream = new DreamState(weights, Environments, mode, 2, 7, pool: pool);
            alone[e] = Roll(dream, [e], Steps, all: false)[e];
        }

        foreach (int threads in new[] { 1, 2, 3 })
        {
            using var pool = new WorkerPool(threads);
            using var together = new DreamState(weights, Environments, mode, 2, 7, pool: pool);
            float[][] all = Roll(together, [.. Enumerable.Range(0, Environments)], Steps, all: true);
            using var some = new DreamState(weights, Environments, mode, 2, 7, pool: pool);
            float[][] part = Roll(some, [9, 0, 4, 7, 3], Steps, all: true);
            for (int e = 0; e < Environments; e++)
            {
                Assert.Equal(alone[e], all[e]);
                if (part[e].Length > 0) Assert.Equal(alone[e], part[e]);
            }
        }
    }

    [Fact]
    public void Streaming_equals_exact_until_the_window_slides_and_differs_after()
    {
        using WorldModelWeights weights = RandomModel.Create(Config);
        using var exact = new DreamState(weights, 1, DreamMode.Exact, 2, 7);
        using var streaming = new DreamState(weights, 1, DreamMode.Streaming, 2, 7);
        int frame = Config.FrameNumbers;
        float[] a = Roll(exact, [0], 5, all: false)[0], b = Roll(streaming, [0], 5, all: false)[0];
        int same = (Config.MaxFrames - 1) * frame;
        Assert.Equal(a[..same], b[..same]);
        Assert.NotEqual(a[(same + frame)..], b[(same + frame)..]);
    }

    [Theory]
    [InlineData(DreamMode.Exact)]
    [InlineData(DreamMode.Streaming)]
    public void Snapshots_and_forks_continue_where_they_were_taken(DreamMode mode)
    {
        WorldModelConfig config = Config with { PreviousFrameInput = true };
        using WorldModelWeights weights = RandomModel.Create(config);
        using var dream = new DreamState(weights, 3, mode, 2, 7);
        Roll(dream, [0, 1], 5, all: true);
        DreamSnapshot snapshot = dream.Snapshot(1);
        float[] first = Continue(dream, 1);
        dream.Restore(1, snapshot);
        Assert.Equal(first, Continue(dream, 1));

        dream.Restore(1, snapshot);
        dream.Fork(1, 2, episode: 5);
        float[] fork = Continue(dream, 2);
        Assert.NotEqual(first, fork);
        Assert.Equal(dream.FrameCount(1) + 4, dream.FrameCount(2));

        // With the noise given, the past is all that counts.
        dream.Fork(1, 0, episode: 9);
        float[] noise = RandomModel.Normal(config.FrameNumbers, 5), action = RandomModel.Normal(config.ActionDim, 6);
        float[] left = new float[config.FrameNumbers], right = new float[config.FrameNumbers];
        dream.Step([0], action, noise, left);
        dream.Step([1], action, noise, right);
        Assert.Equal(left, right);
        dream.CopyLatents(0, right);
        Assert.Equal(left, right);
    }

    [Fact]
    public void Noise_is_keyed_by_seed_environment_episode_and_frame()
    {
        using WorldModelWeights weights = RandomModel.Create(Config);
        float[] context = RandomModel.Normal(Config.FrameNumbers, 1), action = RandomModel.Normal(Config.ActionDim, 2);
        var seen = new List<float[]>();
        foreach (var (seed, environment, episode) in new[] { (1UL, 0, 0U), (2UL, 0, 0U), (1UL, 1, 0U), (1UL, 0, 1U), (1UL, 0, 0U) })
        {
            using var dream = new DreamState(weights, 2, seed: seed);
            var latents = new float[Config.FrameNumbers];
            dream.Reset(environment, episode, context, action);
            dream.Step([environment], action, latents);
            seen.Add(latents);
        }

        Assert.Equal(seen[0], seen[4]);
        for (int i = 0; i < 4; i++)
        {
            for (int j = 0; j < i; j++) Assert.NotEqual(seen[i], seen[j]);
        }
    }

    [Theory]
    [InlineData(DreamMode.Exact, 1)]
    [InlineData(DreamMode.Streaming, 5)]
    public void A_step_allocates_nothing(DreamMode mode, int environments)
    {
        using WorldModelWeights weights = RandomModel.Create(Config with { PreviousFrameInput = true, PredictChange = true });
        // One thread: all work is done on this one, whose allocations are counted exactly, whatever other tests do meanwhile.
        using var pool = new WorkerPool(1);
        using var dream = new DreamState(weights, environments, mode, 2, 7, pool: pool);
        int[] listed = [.. Enumerable.Range(0, environments)];
        float[] context = RandomModel.Normal(Config.FrameNumbers, 1), action = RandomModel.Normal(Config.ActionDim, 2);
        float[] actions = RandomModel.Normal(environments * Config.ActionDim, 3), latents = new float[environments * Config.FrameNumbers];
        foreach (int e in listed) dream.Reset(e, 0, context, action);
        for (int i = 0; i < 6; i++) dream.Step(listed, actions, latents);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 20; i++)
        {
            dream.Step(listed, actions, latents);
            if (i == 10) dream.Reset(0, 1, context, action);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Wrong_arguments_are_named()
    {
        using WorldModelWeights weights = RandomModel.Create(Config);
        using var dream = new DreamState(weights, 2);
        float[] frame = new float[Config.FrameNumbers], action = new float[Config.ActionDim];
        Assert.Contains("Reset", Assert.Throws<InvalidOperationException>(() => dream.Step([0], action, frame)).Message, StringComparison.Ordinal);
        dream.Reset(0, 0, frame, action);
        Assert.Contains("twice", Assert.Throws<ArgumentException>(() => dream.Step([0, 0], [.. action, .. action], [.. frame, .. frame])).Message, StringComparison.Ordinal);
        Assert.Contains("0…1", Assert.Throws<ArgumentException>(() => dream.Step([2], action, frame)).Message, StringComparison.Ordinal);
        Assert.Contains("actions", Assert.Throws<ArgumentException>(() => dream.Step([0], action.AsSpan(1), frame)).Message, StringComparison.Ordinal);
        Assert.Contains("at least one frame", Assert.Throws<ArgumentException>(() => dream.Reset(0, 0, [], [])).Message, StringComparison.Ordinal);
        dream.Step([0], action, frame);
        Assert.Equal(2, dream.FrameCount(0));
    }

    /// <summary>
    /// Resets environments at different times and steps them, all that are alive together or one by one; gives each one's frames.
    /// </summary>
    private static float[][] Roll(DreamState dream, int[] environments, int steps, bool all)
    {
        int frame = Config.FrameNumbers, width = Config.ActionDim;
        var result = new List<float>[dream.Environments];
        for (int e = 0; e < result.Length; e++) result[e] = [];
        for (int time = 0; result.Any(list => list.Count < steps * frame && environments.Contains(Array.IndexOf(result, list))); time++)
        {
            foreach (int e in environments)
            {
                int known = 1 + e % 3;
                if (time == (all ? e % 2 : 0)) dream.Reset(e, (uint)e + 3, RandomModel.Normal(known * frame, (uint)e), RandomModel.Normal(known * width, 100 + (uint)e));
            }

            int[] alive = [.. environments.Where(e => dream.FrameCount(e) > 0 && result[e].Count < steps * frame)];
            float[] actions = [.. alive.SelectMany(e => RandomModel.Normal(width, 1000 + (uint)(e * 50 + result[e].Count / frame)))];
            var latents = new float[alive.Length * frame];
            dream.Step(alive, actions, latents);
            for (int i = 0; i < alive.Length; i++) result[alive[i]].AddRange(latents[(i * frame)..((i + 1) * frame)]);
        }

        return [.. result.Select(list => list.ToArray())];
    }

    private static float[] Continue(DreamState dream, int environment)
    {
        var result = new List<float>();
        var latents = new float[Config.FrameNumbers];
        for (uint k = 0; k < 4; k++)
        {
            dream.Step([environment], RandomModel.Normal(Config.ActionDim, 500 + k), latents);
            result.AddRange(latents);
        }

        return [.. result];
    }
}
