using Engine.Host.Realtime;
using Engine.Host.Serving;
using Engine.Simulation.Tabletop;
using FsCheck;
using FsCheck.Fluent;

namespace Engine.Host.Tests.Realtime;

/// <summary>Position, velocity and acceleration: single cases, and that no sequence of events leads beyond them.</summary>
public sealed class TickLimitTests
{
    [Fact]
    public void A_step_beyond_the_velocity_limit_is_clamped_and_counted()
    {
        using var tick = new TickFixture(TickFixture.Delta).Anchored(0, 0);
        var publication = tick.Begin(0.5f, -0.5f, 0.01f);
        Assert.Equal((0.01f, true, false, false), (publication.Action[0], publication.AtVelocity, publication.AtPosition, publication.AtAcceleration));
        Assert.Equal(-0.01f, tick.Step().Action[0], 1e-9f);
        Assert.False(tick.Step().AtVelocity);
        Assert.Equal((2ul, 0ul), (tick.Status.LimitedVelocity, tick.Status.LimitedPosition));
    }

    [Fact]
    public void The_wall_of_the_box_is_not_passed()
    {
        using var tick = new TickFixture(TickFixture.Delta).Anchored(0.985f, 0);
        tick.Begin(0.01f, 0.01f, 0.01f, 0.01f);
        var publication = tick.Step();
        Assert.True(publication.AtPosition);
        Assert.InRange(publication.Position[0], 0.99999f, 1f);
        publication = tick.Step(2);
        Assert.Equal(0f, publication.Action[0], 1e-6f);
        Assert.Equal(3ul, tick.Status.LimitedPosition);
    }

    [Fact]
    public void Acceleration_is_limited_and_the_arm_brakes_before_the_wall()
    {
        var limits = new ActionLimits(ActionKind.Delta, -1, 1, 1, 10);
        using var tick = new TickFixture(new TickSettings { Limits = [limits], Horizon = 200, HoldTicks = 1, RampTicks = 10 }).Anchored(0.8f);
        tick.Writer.Submit(Enumerable.Repeat(0.01f, 100).ToArray());
        tick.Writer.Resume();
        float before = 0, fastest = 0;
        for (int i = 0; i < 100; i++)
        {
            var publication = tick.Step();
            float step = publication.Action[0];
            Assert.InRange(step - before, -0.001001f, 0.001001f);
            Assert.True(publication.Position[0] <= 1);
            (before, fastest) = (step, Math.Max(fastest, step));
        }

        Assert.InRange(fastest, 0.0099f, 0.01f);
        Assert.Equal(1f, tick.Step(0).Position[0], 1e-5f);
        Assert.True(tick.Status.LimitedAcceleration >= 9 && tick.Status.LimitedPosition >= 9);
    }

    [Theory]
    [InlineData(0.02f, 0.001f)]
    [InlineData(0.001f, -0.011f)]
    public void A_chunk_beyond_a_limit_is_refused_whole_where_that_is_wanted(float first, float second)
    {
        using var tick = new TickFixture(TickFixture.Delta with { Refuse = true }).Anchored(0, 0);
        tick.Begin(0.001f, 0.001f, 0.001f);
        tick.Submit(first, second);
        Assert.Equal(0.001f, tick.Step().Action[0]);
        Assert.Equal((1ul, 0ul), (tick.Status.RefusedLimits, tick.Status.LimitedVelocity));
    }

    [Fact]
    public void A_chunk_that_would_leave_the_box_or_jump_is_refused_too()
    {
        var settings = TickFixture.Delta with { Refuse = true, RampTicks = 20, Limits = [new ActionLimits(ActionKind.Delta, -1, 1, 1, 5), new ActionLimits(ActionKind.Switch, 0, 1)] };
        using var tick = new TickFixture(settings).Anchored(0.998f, 0);
        tick.Writer.Resume();
        foreach (float[] rows in new float[][] { [0.0004f, 0.0008f, 0.001f], [0, 0.0006f], [0.001f] })
        {
            tick.Submit(rows);
            Assert.Equal(TickState.Stopped, tick.Step().Source);
        }

        tick.Writer.Submit([0.0004f, 1.5f]);
        tick.Step();
        Assert.Equal(4ul, tick.Status.RefusedLimits);
        tick.Submit(0.0004f, 0.0008f, 0.0004f);
        Assert.Equal(TickState.Running, tick.Step().Source);
    }

    [Fact]
    public void Settings_that_cannot_be_kept_are_refused()
    {
        var good = TickFixture.Delta;
        TickSettings[] all =
        [
            good with { Limits = [] },
            good with { Limits = [.. Enumerable.Repeat(good.Limits[0], 33)] },
            good with { Limits = [good.Limits[0] with { Low = 1 }] },
            good with { Limits = [good.Limits[0] with { Velocity = 0 }] },
            good with { Limits = [good.Limits[0] with { Velocity = double.NaN }] },
            good with { Limits = [good.Limits[0] with { Acceleration = 1 }] },
            good with { Limits = [good.Limits[0] with { Acceleration = 1, Velocity = double.PositiveInfinity }] },
            good with { Limits = [good.Limits[1] with { Safe = 2 }] },
            good with { Horizon = 0 },
            good with { Rate = 20_000 },
            good with { TicksPerAction = 0 },
            good with { HoldTicks = -1 },
        ];
        TickFixture.Need();
        foreach (var bad in all)
        {
            string path = TickFixture.NewPath();
            var error = Record.Exception(() => new ControlTick(path, bad).Dispose());
            Assert.True(error is ArgumentException or RealtimeException { Status: RealtimeStatus.Argument }, $"{bad}: {error}");
            Assert.False(File.Exists(path));
        }
    }

    [Fact]
    public void A_contracts_limits_are_the_simulators()
    {
        var spec = TabletopEmbodiment.Spec;
        var settings = TickSettings.FromContract(BuiltInPolicies.DefaultContract with { Embodiment = spec }) with { Heartbeat = TimeSpan.Zero };
        Assert.Equal((5.0, 1, BuiltInPolicies.DefaultContract.ActionHorizon, 2, 1), (settings.Rate, settings.TicksPerAction, settings.Horizon, settings.HoldTicks, settings.RampTicks));
        float[] start = [0.01f, -0.02f, 0.1f, 0, 0, 0.3f, 1];
        using var tick = new TickFixture(settings).Anchored(start);
        using var fast = new TickFixture(TickSettings.FromContract(BuiltInPolicies.DefaultContract with { Embodiment = spec }, 100) with { Heartbeat = TimeSpan.Zero }).Anchored(start);
        var random = new Random(4);
        float[] command = [.. start], action = new float[7];
        for (int step = 0; step < 50; step++)
        {
            for (int i = 0; i < 7; i++) action[i] = (random.NextSingle() - 0.4f) * (i == 6 ? 1 : 3 * spec.StepLimit[i]);
            action[6] = action[6] > 0 ? 1 : 0;
            foreach (var one in new[] { tick, fast })
            {
                one.Writer.Submit(action);
                one.Writer.Resume();
                one.Step(one.Settings.TicksPerAction);
            }

            spec.Advance(command, action);
            for (int i = 0; i < 7; i++)
            {
                Assert.Equal(command[i], tick.Step(0).Position[i], 2e-5f);
                Assert.Equal(command[i], fast.Step(0).Position[i], 1e-4f);
            }
        }

        Assert.Throws<ArgumentException>(() => TickSettings.FromContract(BuiltInPolicies.DefaultContract with { Embodiment = spec }, 12));
        Assert.Throws<ArgumentException>(() => TickSettings.FromContract(BuiltInPolicies.DefaultContract with { ActionNames = ["a"] }));
    }

    [Fact]
    public void Whatever_happens_published_actions_keep_the_limits()
    {
        TickFixture.Need();
        var arbitrary = ArbMap.Default.ArbFor<(int Setting, int[] Events)>();
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(150), Prop.ForAll(arbitrary, sample => Survives(sample.Setting, sample.Events ?? [])));
    }

    // The numbers are seeds, so that a failure shrinks to few events.
    private static void Survives(int setting, int[] events)
    {
        var random = new Random(setting);
        const double rate = 100, period = 0.01;
        bool isLimited = random.Next(2) == 0;
        var limits = Enumerable.Range(0, 3).Select(i => new ActionLimits(
            (ActionKind)(i == 2 ? 2 : random.Next(2)), -0.1 - random.NextDouble(), 0.1 + random.NextDouble(), 0.2 + random.NextDouble(),
            isLimited ? 4 + 20 * random.NextDouble() : double.PositiveInfinity)).ToArray();
        using var tick = new TickFixture(new TickSettings
        {
            Limits = limits,
            Horizon = 5,
            Rate = rate,
            TicksPerAction = 1 + random.Next(4),
            HoldTicks = random.Next(4),
            RampTicks = isLimited ? 30 + random.Next(3) : random.Next(4),
            AutoResume = random.Next(2) == 0,
            Heartbeat = TimeSpan.FromMilliseconds(random.Next(3) * 30),
        }).Anchored(0, 0, 0);
        float[] position = [0, 0, 0];
        double[] step = [0, 0, 0];
        foreach (int seed in events)
        {
            var one = new Random(seed);
            float size = MathF.Pow(10, one.Next(-4, 5));
            float[] chunk = [.. Enumerable.Range(0, 3 * (1 + one.Next(5))).Select(_ => (one.NextSingle() - 0.5f) * size)];
            switch (one.Next(10))
            {
                case 0: tick.Writer.Stop(); break;
                case 1: chunk[^1] = float.NaN; goto default;
                case 2: tick.Writer.Beat(); break;
                case 3: tick.Writer.Resume(); break;
                case 4: Checked(tick.StepAfter(1 + one.Next(20))); break;
                case 5:
                    tick.Writer.Dispose();
                    tick.Writer = ActionRing.OpenReader(tick.Path);
                    Checked(tick.Step());
                    tick.Writer.Dispose();
                    tick.Writer = ActionRing.OpenWriter(tick.Path);
                    break;
                default:
                    tick.Writer.Submit(chunk, first: one.Next(3) == 0 ? tick.Now + one.Next(-2, 3) * tick.Period : 0);
                    tick.Writer.Resume();
                    break;
            }

            for (int i = one.Next(1, 8); i > 0; i--) Checked(tick.Step());
        }

        void Checked(TickPublication publication)
        {
            for (int i = 0; i < 3; i++)
            {
                float now = publication.Position[i];
                Assert.True(float.IsFinite(publication.Action[i]) && now >= limits[i].Low - 1e-7 && now <= limits[i].High + 1e-7, $"position {now} of {limits[i]}");
                if (limits[i].Kind == ActionKind.Switch) continue;
                // Positions are float32: two of them differ by their rounding too.
                double moved = limits[i].Kind == ActionKind.Delta ? publication.Action[i] : (double)now - position[i], last = step[i];
                (position[i], step[i]) = (now, moved);
                Assert.True(Math.Abs(moved) <= limits[i].Velocity * period + 3e-7, $"moved {moved} with {limits[i]}");
                Assert.True(Math.Abs(moved - last) <= limits[i].Acceleration * period * period + 6e-7, $"from {last} to {moved} with {limits[i]}");
            }

            Assert.True(publication.Source != TickState.Stopped || (step[0] == 0 && step[1] == 0), "a stopped arm moved");
        }
    }
}
