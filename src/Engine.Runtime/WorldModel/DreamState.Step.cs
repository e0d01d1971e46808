using Engine.Kernels.Threading;

namespace Engine.Runtime.WorldModel;

public sealed partial class DreamState
{
    private void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, ReadOnlySpan<float> noise, Span<float> latents, bool injected)
    {
        WorldModelConfig config = _weights.Config;
        int count = environments.Length, frame = config.FrameNumbers;
        LengthCheck.Exactly(nameof(actions), actions.Length, count, config.ActionDim, "n actions of A");
        LengthCheck.Exactly(nameof(latents), latents.Length, count, frame, "n frames of H·W·C");
        DreamArguments.Listed(this, environments, _listed);
        for (int i = 0; i < count; i++)
        {
            DreamTrack track = _tracks[environments[i]];
            int position = track.Frames - track.Origin;
            if (position >= (Mode == DreamMode.Exact ? Window : MaxPositions)) track.Restart(Window - 1);
            actions.Slice(i * config.ActionDim, config.ActionDim).CopyTo(track.ActionOf(track.Frames));
            if (injected) noise.Slice(i * frame, frame).CopyTo(track.LatentsOf(track.Frames));
            _job.Environments[i] = environments[i];
        }

        // Whole environments per thread need no waiting; a few are better shared row by row.
        int threads = _pool.Threads, largest = (count + threads - 1) / threads;
        _job.Count = count;
        _job.Injected = injected;
        _job.Together = threads > 1 && largest * threads * 5 > count * 6;
        _pool.Run(_job);
        for (int i = 0; i < count; i++)
        {
            DreamTrack track = _tracks[environments[i]];
            track.LatentsOf(track.Frames).CopyTo(latents.Slice(i * frame, frame));
            track.Frames++;
        }
    }

    private sealed class Job(DreamState dream, int capacity) : IParallelJob
    {
        public int[] Environments { get; } = new int[capacity];

        public int Count { get; set; }

        public bool Injected { get; set; }

        public bool Together { get; set; }

        public void Execute(int index, int count)
        {
            int first = Together ? 0 : Count * index / count, last = Together ? Count : Count * (index + 1) / count;
            DreamSampler sampler = dream._samplers[Together ? 0 : index];
            int part = Together ? index : 0, parts = Together ? count : 1;
            int chunks = (last - first + sampler.Capacity - 1) / sampler.Capacity;
            for (int chunk = 0; chunk < chunks; chunk++)
            {
                int from = first + (last - first) * chunk / chunks, to = first + (last - first) * (chunk + 1) / chunks;
                sampler.Run(dream._tracks, Environments.AsSpan(from, to - from), Injected, part, parts, dream._pool.Barrier);
            }
        }
    }
}
