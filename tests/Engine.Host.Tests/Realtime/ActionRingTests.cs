using System.Diagnostics;
using System.IO.MemoryMappedFiles;
using System.Runtime.Versioning;
using Engine.Host.Realtime;

namespace Engine.Host.Tests.Realtime;

/// <summary>The ring's file: who may use it, its bytes as docs/realtime.md lists them, and writers that die or cheat.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class ActionRingTests
{
    private const int Submitted = 4096, Beats = 4160, Resumes = 4224, Anchor = 4352, Newest = 6144, Status = 8192, Publications = 12288, Chunks = 32768, Head = 64;

    [Fact]
    public void The_layout_is_the_documented_one()
    {
        using var tick = new TickFixture(TickFixture.Delta);
        using var bytes = Map(tick.Path);
        Assert.Equal(0x54474E45u, bytes.ReadUInt32(0));
        Assert.Equal([1u, 4u, 128u, 32768u, 64u, 304u], new[] { 4, 12, 16, 20, 24, 28 }.Select(at => bytes.ReadUInt32(at)));
        Assert.Equal((uint)Environment.ProcessId, bytes.ReadUInt32(32));
        Assert.Equal((2, 8, 100.0), (bytes.ReadInt32(64), bytes.ReadInt32(68), bytes.ReadDouble(72)));

        // A writer that knows only the table.
        bytes.Write(Anchor, 1ul);
        bytes.Write(Anchor + 8, 0.25f);
        bytes.Write(Anchor, 2ul);
        bytes.Write(Chunks, 1ul);
        bytes.Write(Chunks + 8, 77ul);
        bytes.Write(Chunks + 32, 1u);
        bytes.Write(Chunks + 36, 2u);
        bytes.Write(Chunks + Head, 0.005f);
        bytes.Write(Chunks + Head + 4, 1f);
        bytes.Write(Chunks, 2ul);
        bytes.Write(Submitted, 1ul);
        bytes.Write(Resumes, 1ul);
        bytes.Write(Beats, 1ul);
        tick.Step();
        Assert.Equal(1ul, bytes.ReadUInt64(Newest));
        int record = Publications + 304;
        Assert.Equal((2ul, 1ul, 77ul, 0, 1), (bytes.ReadUInt64(record), bytes.ReadUInt64(record + 8), bytes.ReadUInt64(record + 24), bytes.ReadInt32(record + 32), bytes.ReadInt32(record + 36)));
        Assert.Equal((0.005f, 1f, 0.255f), (bytes.ReadSingle(record + 48), bytes.ReadSingle(record + 52), bytes.ReadSingle(record + 176)));
        Assert.Equal((2ul, 1), (bytes.ReadUInt64(Status), bytes.ReadInt32(Status + 8)));
    }

    [Fact]
    public void A_chunk_whose_writer_died_while_writing_is_never_used_and_the_slot_is_used_again()
    {
        using var tick = new TickFixture(TickFixture.Delta).Anchored(0, 0);
        tick.Begin(0.001f, 0.001f, 0.001f, 0.001f, 0.001f, 0.001f);
        using (var bytes = Map(tick.Path))
        {
            // Slot 1, begun and left: guard odd, half of it there, announced all the same.
            int slot = Chunks + 128;
            bytes.Write(slot, 5ul);
            bytes.Write(slot + 8, 99ul);
            bytes.Write(slot + 32, 2u);
            bytes.Write(slot + 36, 2u);
            bytes.Write(slot + Head, 0.9f);
            bytes.Write(Submitted, 2ul);
        }

        Assert.Equal(0.001f, tick.Step(3).Action[0]);
        Assert.Equal((1ul, 1ul), (tick.Status.Torn, tick.Status.Chunk));
        tick.Writer.Dispose();
        tick.Writer = ActionRing.OpenWriter(tick.Path);
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(2ul + (ulong)i, tick.Submit(0.002f, 0.002f));
            Assert.Equal(0.002f, tick.Step().Action[0]);
        }

        Assert.Equal(1ul, tick.Status.Torn);
    }

    [Fact]
    public void A_position_whose_writer_died_while_writing_is_not_taken()
    {
        using var tick = new TickFixture(TickFixture.Delta);
        using (var bytes = Map(tick.Path)) bytes.Write(Anchor, 3ul);
        Assert.Equal(TickState.Waiting, tick.Step(3).Source);
        Assert.Equal(1ul, tick.Status.Torn);
        tick.Writer.Anchor([0.5f, 0]);
        Assert.Equal((TickState.Stopped, 0.5f), (tick.Step().Source, tick.Step(0).Position[0]));
    }

    [Fact]
    public void Positions_outside_the_box_or_of_a_moving_arm_are_refused()
    {
        using var tick = new TickFixture(TickFixture.Delta);
        foreach (float bad in new[] { 1.01f, -2, float.NaN, float.PositiveInfinity })
        {
            tick.Writer.Anchor([bad, 0]);
            Assert.Equal(TickState.Waiting, tick.Step().Source);
        }

        tick.Anchored(0.5f, 0).Begin(0.001f);
        tick.Writer.Anchor([-0.5f, 0]);
        Assert.Equal(0.502f, tick.Step().Position[0], 1e-6f);
        Assert.Equal(5ul, tick.Status.RefusedAnchors);
    }

    [Fact]
    public void Shapes_that_the_settings_do_not_allow_are_refused()
    {
        using var tick = new TickFixture(TickFixture.Delta).Anchored(0, 0);
        using var bytes = Map(tick.Path);
        foreach (var (rows, width) in new[] { (0u, 2u), (9u, 2u), (1u, 3u), (uint.MaxValue, 2u), (0x8000_0001u, 2u) })
        {
            tick.Submit(0.001f);
            int slot = Chunks + (int)((bytes.ReadUInt64(Submitted) - 1) % 4) * 128;
            bytes.Write(slot + 32, rows);
            bytes.Write(slot + 36, width);
            tick.Step();
        }

        Assert.Equal((5ul, 0ul), (tick.Status.RefusedShape, tick.Status.Accepted));
        Assert.Throws<ArgumentException>(() => tick.Writer.Submit([1, 2, 3]));
        Assert.Throws<ArgumentException>(() => tick.Writer.Submit(new float[18]));
        Assert.Throws<ArgumentException>(() => tick.Writer.Submit([]));
        Assert.Throws<ArgumentException>(() => tick.Writer.Anchor([1]));
    }

    [Fact]
    public void What_a_writer_changes_behind_the_guard_or_in_the_settings_stays_within_the_limits()
    {
        using var tick = new TickFixture(TickFixture.Delta with { AutoResume = true }).Anchored(0, 0);
        using var bytes = Map(tick.Path);
        // Limits without end, a width and a horizon far too large.
        for (int at = 64; at < 64 + 1592; at += 8) bytes.Write(at, double.MaxValue);
        using var end = new ManualResetEventSlim();
        var cheat = new Thread(() =>
        {
            var random = new Random(1);
            while (!end.IsSet)
            {
                for (int slot = 0; slot < 4; slot++)
                {
                    for (int i = 0; i < 16; i++) bytes.Write(Chunks + 128 * slot + Head + 4 * i, BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)));
                }
            }
        });
        cheat.Start();
        try
        {
            for (int i = 0; i < 2000; i++)
            {
                tick.Submit(0.001f, 0.001f);
                var publication = tick.Step();
                Assert.InRange(publication.Action[0], -0.01f, 0.01f);
                Assert.InRange(publication.Position[0], -1f, 1f);
                Assert.InRange(publication.Action[1], 0f, 1f);
            }
        }
        finally
        {
            end.Set();
            cheat.Join();
        }
    }

    [Fact]
    public unsafe void A_chunk_that_is_written_while_it_is_read_is_never_mixed()
    {
        const int rows = 1024, width = 8, slotBytes = Head + 4 * rows * width;
        var settings = new TickSettings { Limits = [.. Enumerable.Repeat(new ActionLimits(ActionKind.Absolute, -1e9, 1e9), width)], Horizon = rows, AutoResume = true };
        using var tick = new TickFixture(settings).Anchored(new float[width]);
        using var bytes = Map(tick.Path);
        byte* memory = null;
        bytes.SafeMemoryMappedViewHandle.AcquirePointer(ref memory);
        using var end = new ManualResetEventSlim();
        long first = 0;
        // Keeps to the rules, but writes always to the slot that is being read; every number of a chunk is its sequence.
        var writer = new Thread(() =>
        {
            byte* slot = memory + Chunks;
            var random = new Random(2);
            for (ulong sequence = 1; !end.IsSet; sequence++)
            {
                Interlocked.Increment(ref *(long*)slot);
                *(ulong*)(slot + 8) = sequence;
                *(long*)(slot + 24) = Volatile.Read(ref first);
                (*(int*)(slot + 32), *(int*)(slot + 36)) = (rows, width);
                new Span<float>(slot + Head, rows * width).Fill(sequence);
                Interlocked.Increment(ref *(long*)slot);
                Interlocked.Exchange(ref *(long*)(memory + Submitted), (long)(1 + 4 * sequence));
                Thread.SpinWait(random.Next(2000));
            }
        });
        Assert.Equal((uint)slotBytes, bytes.ReadUInt32(16));
        Volatile.Write(ref first, tick.Now - 1000 * tick.Period);
        writer.Start();
        try
        {
            // Until both have happened often; what is published are the last rows of chunks, which are read last.
            for (var clock = Stopwatch.StartNew(); clock.Elapsed.TotalSeconds < 5 && (tick.Status.Torn < 200 || tick.Status.Accepted < 200);)
            {
                Volatile.Write(ref first, tick.Now - 1000 * tick.Period);
                var publication = tick.Step();
                if (publication.Source != TickState.Running) continue;
                Assert.InRange(publication.Index, 900, rows - 1);
                foreach (float position in publication.Position) Assert.Equal((float)publication.Chunk, position);
            }
        }
        finally
        {
            end.Set();
            writer.Join();
            bytes.SafeMemoryMappedViewHandle.ReleasePointer();
        }

        Assert.SkipUnless(tick.Status is { Torn: >= 10, Accepted: >= 10 }, $"two threads did not run at once: torn {tick.Status.Torn}, accepted {tick.Status.Accepted}");
    }

    [Fact]
    public void The_file_is_for_its_user_only_has_one_tick_and_one_writer()
    {
        TickFixture.Need();
        string path = TickFixture.NewPath();
        using (var tick = new ControlTick(path, TickFixture.Delta))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            Assert.Equal(RealtimeStatus.Busy, Assert.Throws<RealtimeException>(() => new ControlTick(path, TickFixture.Delta)).Status);
            using var writer = ActionRing.OpenWriter(path);
            using var reader = ActionRing.OpenReader(path);
            Assert.Equal(RealtimeStatus.Busy, Assert.Throws<RealtimeException>(() => ActionRing.OpenWriter(path)).Status);
            Assert.False(reader.TryRead(out _));
            Assert.False(reader.Wait(0, TimeSpan.FromMilliseconds(1)));
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupWrite);
            Assert.Equal(RealtimeStatus.Ring, Assert.Throws<RealtimeException>(() => ActionRing.OpenReader(path)).Status);
        }

        Assert.Equal(RealtimeStatus.Again, Assert.Throws<RealtimeException>(() => ActionRing.OpenReader(path)).Status);
    }

    [Fact]
    public void A_dead_ticks_file_is_replaced_and_no_other()
    {
        TickFixture.Need();
        string path = TickFixture.NewPath(), other = TickFixture.NewPath();
        try
        {
            using (var tick = new ControlTick(path, TickFixture.Delta)) File.Copy(path, other);
            File.SetUnixFileMode(other, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            Assert.Equal(RealtimeStatus.Gone, Assert.Throws<RealtimeException>(() => ActionRing.OpenReader(other)).Status);
            using (var tick = new ControlTick(other, TickFixture.Delta)) ActionRing.OpenReader(other).Dispose();
            File.WriteAllText(other, "something else");
            Assert.Equal(RealtimeStatus.Ring, Assert.Throws<RealtimeException>(() => new ControlTick(other, TickFixture.Delta)).Status);
            Assert.Equal("something else", File.ReadAllText(other));
            File.CreateSymbolicLink(path, other);
            Assert.Equal(RealtimeStatus.System, Assert.Throws<RealtimeException>(() => new ControlTick(path, TickFixture.Delta)).Status);
        }
        finally
        {
            File.Delete(path);
            File.Delete(other);
        }
    }

    [Fact]
    public void A_writer_allocates_nothing()
    {
        using var tick = new TickFixture(TickFixture.Delta).Anchored(0, 0);
        float[] chunk = new float[16];
        long before = 0;
        for (int i = 0; i < 200; i++)
        {
            if (i == 100) before = GC.GetAllocatedBytesForCurrentThread();
            tick.Writer.Submit(chunk);
            tick.Writer.Beat();
            tick.Writer.Anchor(chunk.AsSpan(0, 2));
            tick.Writer.TryRead(out var publication);
            _ = publication.Position[0] + tick.Writer.ReadStatus().Ticks;
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static MemoryMappedViewAccessor Map(string path)
    {
        using var file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.ReadWrite);
        return file.CreateViewAccessor();
    }
}
