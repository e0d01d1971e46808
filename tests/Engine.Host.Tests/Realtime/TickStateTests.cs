using Engine.Host.Realtime;
using static Engine.Host.Realtime.TickState;

namespace Engine.Host.Tests.Realtime;

/// <summary>Which action is published when, with the time given by the test.</summary>
public sealed class TickStateTests
{
    [Fact]
    public void Without_a_position_nothing_is_published_but_zeros_and_chunks_wait()
    {
        using var tick = new TickFixture(TickFixture.Delta with { AutoResume = true });
        tick.Submit(0.001f);
        var publication = tick.Step();
        Assert.Equal(Waiting, publication.Source);
        Assert.Equal([0f, 0f], publication.Action);
        tick.Writer.Anchor([0.5f, 1]);
        publication = tick.Step();
        Assert.Equal((Running, 0, 1ul), (publication.Source, publication.Index, publication.Chunk));
        Assert.Equal(0.501f, publication.Position[0], 1e-6f);
    }

    [Fact]
    public void Each_tick_publishes_one_action_then_holds_ramps_and_stops()
    {
        using var tick = new TickFixture(TickFixture.Delta).Anchored(0, 0);
        var publication = tick.Begin(0.001f, 0.002f);
        Assert.Equal(0.001f, publication.Action[0]);
        publication = tick.Step();
        Assert.Equal((1, 0.002f), (publication.Index, publication.Action[0]));
        float[] expected = [0.002f, 0.002f, 0.002f, 0.0015f, 0.001f, 0.0005f, 0, 0, 0];
        TickState[] states = [Hold, Hold, Hold, Ramp, Ramp, Ramp, Ramp, Stopped, Stopped];
        for (int i = 0; i < expected.Length; i++)
        {
            publication = tick.Step();
            Assert.Equal(states[i], publication.Source);
            Assert.Equal(expected[i], publication.Action[0], 1e-8f);
            Assert.Equal(1f, publication.Action[1]);
        }

        Assert.Equal(0f, publication.Action[0]);
        Assert.Equal(StopReason.ChunkRanOut, tick.Status.Reason);
        Assert.Equal((1ul, 1ul), (tick.Status.Holds, tick.Status.Stops));
        // Every tick is there, without gaps.
        for (ulong number = 1; number <= publication.Tick; number++)
        {
            Assert.True(tick.Writer.TryRead(number, out var one));
            Assert.Equal(number, one.Tick);
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 5)]
    [InlineData(7, 0)]
    [InlineData(1, 1)]
    public void Hold_and_ramp_last_as_long_as_configured(int hold, int ramp)
    {
        using var tick = new TickFixture(TickFixture.Delta with { HoldTicks = hold, RampTicks = ramp }).Anchored(0, 0);
        tick.Begin(0.001f);
        TickState[] expected = [.. Enumerable.Repeat(Hold, hold), .. Enumerable.Repeat(Ramp, ramp), Stopped];
        foreach (var state in expected)
        {
            var publication = tick.Step();
            Assert.Equal(state, publication.Source);
            if (state == Hold) Assert.Equal(0.001f, publication.Action[0]);
            if (state == Stopped) Assert.Equal(0f, publication.Action[0]);
        }
    }

    [Fact]
    public void A_stop_ends_only_by_a_resume_and_a_chunk_that_came_after_it()
    {
        using var tick = new TickFixture(TickFixture.Delta).Anchored(0, 0);
        tick.Begin(0.001f);
        tick.Step(8);
        Assert.Equal(Stopped, tick.Status.State);
        tick.Submit(0.001f);
        Assert.Equal([Stopped, Stopped], tick.States(2));
        tick.Writer.Resume();
        Assert.Equal(Running, tick.Step().Source);

        tick.Step(8);
        tick.Writer.Resume();
        Assert.Equal([Stopped, Stopped], tick.States(2));
        tick.Submit(0.001f);
        Assert.Equal(Running, tick.Step().Source);
    }

    [Fact]
    public void Automatic_resume_needs_a_new_chunk_and_does_not_end_a_stop_that_was_asked_for()
    {
        using var tick = new TickFixture(TickFixture.Delta with { AutoResume = true }).Anchored(0, 0);
        tick.Submit(0.001f);
        Assert.Equal(Running, tick.Step().Source);
        tick.Step(8);
        Assert.Equal(Stopped, tick.Status.State);
        tick.Submit(0.001f, 0.001f, 0.001f);
        Assert.Equal(Running, tick.Step().Source);
        tick.Writer.Stop();
        Assert.Equal([Ramp, Ramp, Ramp, Ramp, Stopped], tick.States(5));
        Assert.Equal(StopReason.Asked, tick.Status.Reason);
        tick.Submit(0.001f);
        Assert.Equal([Stopped, Stopped], tick.States(2));
        tick.Writer.Resume();
        Assert.Equal(Running, tick.Step().Source);
    }

    [Fact]
    public void A_new_chunk_in_time_goes_on_without_a_hold_and_ends_one()
    {
        using var tick = new TickFixture(TickFixture.Delta).Anchored(0, 0);
        tick.Begin(0.001f, 0.002f, 0.003f);
        tick.Submit(0.005f, 0.006f);
        var publication = tick.Step();
        Assert.Equal((2ul, 0, 0.005f), (publication.Chunk, publication.Index, publication.Action[0]));
        Assert.Equal([Running, Hold, Hold], tick.States(3));
        tick.Submit(0.004f);
        Assert.Equal((Running, 0.004f), (tick.Step().Source, tick.Step(0).Action[0]));
        Assert.Equal(0ul, tick.Status.Stops);
    }

    [Fact]
    public void A_silent_source_is_held_then_stopped_though_its_chunk_goes_on()
    {
        using var tick = new TickFixture(TickFixture.Delta with { Heartbeat = TimeSpan.FromMilliseconds(20) }).Anchored(0, 0);
        tick.Begin(0.001f, 0.001f, 0.001f, 0.001f, 0.001f, 0.001f, 0.001f, 0.001f);
        Assert.Equal([Running, Running, Hold], tick.States(3));
        tick.Writer.Beat();
        Assert.Equal([Running, Running, Running, Hold], tick.States(4));
        Assert.Equal(StopReason.Heartbeat, tick.Status.Reason);
        Assert.Equal(2ul, tick.Status.HeartbeatsLost);
        Assert.Equal([Hold, Hold, Ramp, Ramp, Ramp, Ramp, Stopped], tick.States(7));
    }

    [Fact]
    public void A_writer_that_goes_is_noticed_at_the_next_tick_and_another_can_take_over()
    {
        using var tick = new TickFixture(TickFixture.Delta with { AutoResume = true }).Anchored(0, 0);
        tick.Submit(0.001f, 0.001f, 0.001f, 0.001f, 0.001f);
        Assert.Equal(Running, tick.Step().Source);
        tick.Writer.Dispose();
        using (var reader = tick.Writer = ActionRing.OpenReader(tick.Path))
        {
            Assert.Equal([Hold, Hold, Hold, Ramp, Ramp, Ramp, Ramp, Stopped], tick.States(8));
            Assert.Equal(StopReason.WriterGone, tick.Status.Reason);
            Assert.False(tick.Status.HasWriter);
            Assert.Throws<RealtimeException>(() => reader.Submit([0.001f, 1]));
        }

        tick.Writer = ActionRing.OpenWriter(tick.Path);
        Assert.Equal(2ul, tick.Submit(0.001f));
        Assert.Equal(Running, tick.Step().Source);
    }

    [Fact]
    public void Stale_and_replayed_chunks_are_refused_and_counted()
    {
        using var tick = new TickFixture(TickFixture.Delta).Anchored(0, 0);
        tick.Writer.Submit(10, [0.001f, 1, 0.001f, 1, 0.001f, 1]);
        tick.Writer.Resume();
        tick.Step();
        foreach (ulong sequence in new ulong[] { 10, 9, 1, 0 })
        {
            tick.Writer.Submit(sequence, [0.009f, 0]);
            tick.Step();
        }

        Assert.Equal((4ul, 1ul, 10ul), (tick.Status.RefusedStale, tick.Status.Accepted, tick.Status.Chunk));
        for (ulong number = 2; tick.Writer.TryRead(number, out var one); number++) Assert.Equal(0.001f, one.Action[0]);
        tick.Writer.Submit(5000, [0.002f, 1]);
        Assert.Equal(5000ul, tick.Step().Chunk);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_chunk_with_a_number_that_is_not_finite_is_refused_whole(float bad)
    {
        using var tick = new TickFixture(TickFixture.Delta).Anchored(0, 0);
        tick.Begin(0.001f, 0.001f);
        tick.Submit(0.002f, bad);
        Assert.Equal(0.001f, tick.Step().Action[0]);
        tick.Writer.Submit([0.002f, bad]);
        tick.Step();
        Assert.Equal((2ul, 1ul), (tick.Status.RefusedNotFinite, tick.Status.Accepted));
        Assert.Equal(3ul, tick.Submit(0.003f) - 1);
        Assert.Equal(0.003f, tick.Step().Action[0]);
    }

    [Fact]
    public void Times_are_judged_and_late_actions_are_left_out()
    {
        using var tick = new TickFixture(TickFixture.Delta with { ObservationAge = TimeSpan.FromMilliseconds(50) }).Anchored(0, 0);
        float[] rows = [0.001f, 1, 0.002f, 1, 0.003f, 1, 0.004f, 1];
        tick.Writer.Resume();
        tick.Writer.Submit(rows, observed: tick.Now - 60_000_000);
        tick.Step();
        tick.Writer.Submit(rows, observed: tick.Now + 3 * tick.Period);
        tick.Step();
        tick.Writer.Submit(rows, first: tick.Now - 5 * tick.Period);
        tick.Step();
        tick.Writer.Submit(rows, first: tick.Now + 9 * tick.Period);
        Assert.Equal(Stopped, tick.Step().Source);
        Assert.Equal(4ul, tick.Status.RefusedTime);

        // Due two ticks ago: the first two actions are over.
        tick.Writer.Submit(rows, first: tick.Now - tick.Period);
        var publication = tick.Step();
        Assert.Equal((Running, 2, 0.003f), (publication.Source, publication.Index, publication.Action[0]));
        // Due two ticks from now: until then the one in effect.
        tick.Writer.Submit(rows, first: tick.Now + 3 * tick.Period);
        Assert.Equal([(3, 1), (-1, 1), (0, 2), (1, 2)], Enumerable.Range(0, 4).Select(_ => tick.Step()).Select(p => (p.Index, (int)p.Chunk - 4)));
    }

    [Fact]
    public void Only_the_newest_of_several_chunks_counts()
    {
        using var tick = new TickFixture(TickFixture.Delta).Anchored(0, 0);
        for (int i = 1; i <= 6; i++) tick.Submit(0.001f * i);
        tick.Writer.Resume();
        Assert.Equal(0.006f, tick.Step().Action[0], 1e-8f);
        Assert.Equal((1ul, 5ul), (tick.Status.Accepted, tick.Status.Superseded));
    }

    [Fact]
    public void Ticks_that_were_missed_count_for_hold_and_chunk_and_time_only_grows()
    {
        using var tick = new TickFixture(TickFixture.Delta).Anchored(0, 0);
        tick.Begin(0.001f, 0.002f, 0.003f, 0.004f);
        var publication = tick.StepAfter(3);
        Assert.Equal((3, 0.004f), (publication.Index, publication.Action[0]));
        Assert.Equal(Hold, tick.Step().Source);
        Assert.Equal(Ramp, tick.StepAfter(50).Source);
        Assert.Throws<RealtimeException>(() => tick.Tick(tick.Now));
        Assert.Throws<RealtimeException>(() => tick.Tick(5));
    }

    [Fact]
    public void An_action_that_lasts_several_ticks_is_spread_over_them()
    {
        using var tick = new TickFixture(TickFixture.Delta with { TicksPerAction = 4 }).Anchored(0, 0);
        tick.Begin(0.004f, 0.008f);
        var last = tick.Step(3);
        Assert.Equal((0, 0.001f, 0.004f), (last.Index, last.Action[0], MathF.Round(last.Position[0], 6)));
        last = tick.Step(4);
        Assert.Equal((1, 0.002f, 0.012f), (last.Index, last.Action[0], MathF.Round(last.Position[0], 6)));
        Assert.Equal(Hold, tick.Step().Source);
    }

    [Fact]
    public void Absolute_targets_are_reached_at_the_end_of_their_action_and_a_switch_goes_to_its_safe_value()
    {
        using var tick = new TickFixture(TickFixture.Delta with
        {
            Limits = [new ActionLimits(ActionKind.Absolute, -1, 1, 1, 20), new ActionLimits(ActionKind.Switch, 0, 1, Safe: 0.25)],
            TicksPerAction = 4,
            RampTicks = 5,
        }).Anchored(0.5f, 0);
        tick.Submit(0.5f, 0.504f);
        tick.Writer.Resume();
        var positions = Enumerable.Range(0, 8).Select(_ => MathF.Round(tick.Step().Action[0], 6)).ToArray();
        Assert.Equal([0.5f, 0.5f, 0.5f, 0.5f, 0.501f, 0.502f, 0.503f, 0.504f], positions);
        var held = tick.Step(3);
        Assert.Equal((Hold, 0.504f, 1f), (held.Source, MathF.Round(held.Action[0], 6), held.Action[1]));
        Assert.Equal((Ramp, 1f), (tick.Step(5).Source, tick.Step(0).Action[1]));
        Assert.Equal((Stopped, 0.25f), (tick.Step().Source, tick.Step(0).Action[1]));
    }
}
