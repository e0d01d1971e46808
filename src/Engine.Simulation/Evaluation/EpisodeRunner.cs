using Engine.Runtime.Contract;

namespace Engine.Simulation.Evaluation;

/// <summary>
/// Runs an actor through a list of episodes, as many at a time as there are environments; a finished environment takes the next
/// spec at once. Results come in the order of the specs and do not depend on the number of environments.
/// </summary>
public static class EpisodeRunner
{
    /// <summary>Runs every spec to its end.</summary>
    /// <param name="world">The environments.</param>
    /// <param name="specs">The episodes.</param>
    /// <param name="actor">Who acts.</param>
    /// <param name="recordCameras">Cameras to record; null records nothing, an empty list records everything but pictures.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="ArgumentException">A task, a variation or a camera is unknown.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static IEnumerable<EpisodeResult> Run(
        IVectorEnvironment world,
        IReadOnlyList<EpisodeSpec> specs,
        IActor actor,
        IReadOnlyList<string>? recordCameras = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(world);
        ArgumentNullException.ThrowIfNull(specs);
        ArgumentNullException.ThrowIfNull(actor);
        CameraSpec[]? cameras = null;
        if (recordCameras is not null)
        {
            cameras = [.. recordCameras.Select(name => world.Info.Cameras.FirstOrDefault(camera => camera.Name == name)
                ?? throw new ArgumentException($"Camera '{name}' is unknown. Known cameras: {string.Join(", ", world.Info.Cameras.Select(camera => camera.Name))}."))];
        }

        return new Batch(world, specs, actor, cameras, cancellation).Results();
    }

    private sealed class Batch(IVectorEnvironment world, IReadOnlyList<EpisodeSpec> specs, IActor actor, CameraSpec[]? cameras, CancellationToken cancellation)
    {
        private readonly ObservationFrames _frames = new(world);
        private readonly EpisodeRecorder?[] _recorders = new EpisodeRecorder?[world.Count];
        private readonly int[] _specOf = new int[world.Count];
        private readonly EpisodeResult?[] _results = new EpisodeResult?[specs.Count];
        private readonly List<int> _active = [], _fresh = [], _idle = [.. Enumerable.Range(0, world.Count)];
        private readonly float[] _actions = new float[7 * world.Count];
        private int _next;

        public IEnumerable<EpisodeResult> Results()
        {
            int given = 0;
            while (given < specs.Count)
            {
                cancellation.ThrowIfCancellationRequested();
                BeginEpisodes();
                Step();
                for (; given < specs.Count && _results[given] is { } result; given++)
                {
                    _results[given] = null;
                    yield return result;
                }
            }
        }

        private void BeginEpisodes()
        {
            _fresh.Clear();
            while (_idle.Count > 0 && _next < specs.Count)
            {
                _fresh.Add(_idle[0]);
                _specOf[_idle[0]] = _next++;
                _idle.RemoveAt(0);
            }

            if (_fresh.Count == 0) return;
            int[] environments = [.. _fresh];
            world.Reset(environments, [.. environments.Select(environment => specs[_specOf[environment]])]);
            _frames.Invalidate(environments);
            foreach (int environment in environments)
            {
                var spec = specs[_specOf[environment]];
                actor.Begin(environment, spec);
                _recorders[environment] = cameras is null ? null : new EpisodeRecorder(spec, world.Instruction(environment), actor.Name, cameras);
            }

            Observe(environments);
            _active.AddRange(environments);
        }

        private void Step()
        {
            int[] environments = [.. _active];
            var actions = _actions.AsSpan(0, 7 * environments.Length);
            actor.Act(world, environments, _frames, actions);
            for (int i = 0; i < environments.Length; i++) _recorders[environments[i]]?.Act(actions.Slice(7 * i, 7));
            world.Step(environments, actions);
            _frames.Invalidate(environments);
            Observe(environments);
            foreach (int environment in environments)
            {
                bool terminated = world.Terminated(environment);
                if (!terminated && !world.Truncated(environment)) continue;
                var outcome = world.Outcome(environment);
                int index = _specOf[environment];
                _results[index] = new EpisodeResult(specs[index], world.Instruction(environment), outcome)
                {
                    Episode = _recorders[environment]?.Finish(outcome.Success, terminated),
                };
                _recorders[environment] = null;
                _active.Remove(environment);
                _idle.Add(environment);
            }
        }

        private void Observe(int[] environments)
        {
            if (cameras is null) return;
            foreach (var camera in cameras) _frames.Draw(environments, camera.Name);
            foreach (int environment in environments) _recorders[environment]!.Observe(world, environment, _frames);
        }
    }
}
