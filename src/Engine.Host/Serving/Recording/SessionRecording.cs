using Engine.Runtime.Contract;

namespace Engine.Host.Serving.Recording;

/// <summary>
/// The episode that a session is in. It ends with a reset, another instruction, the session, or when it has become too large for memory; one
/// with fewer than two observations is no episode. Not thread-safe: a session has one request at a time.
/// </summary>
internal sealed class SessionRecording(PolicyContract contract, EpisodeRecorder recorder)
{
    private const long MaxBytes = 512L << 20;

    private readonly List<byte[][]> _images = [];
    private readonly List<float[]> _states = [], _chunks = [];
    private readonly List<long> _received = [], _policy = [];
    private string _instruction = "";
    private long _bytes;

    /// <summary>Adds an observation and its answer.</summary>
    public void Add(InferenceRequest request, float[] actions)
    {
        string instruction = request.Observation.Instructions[0];
        if (_states.Count > 0 && (instruction != _instruction || _bytes > MaxBytes)) End(null);
        _instruction = instruction;
        _images.Add(Array.ConvertAll(contract.Cameras, camera => (byte[])request.Observation.Images[camera.Name].Clone()));
        _states.Add([.. request.Observation.States]);
        _chunks.Add([.. actions]);
        _received.Add((DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100);
        _policy.Add(request.PolicyTime.Ticks * 100);
        _bytes += _images[^1].Sum(image => (long)image.Length) + 4L * (_states[^1].Length + _chunks[^1].Length);
    }

    /// <summary>Ends the episode; <paramref name="success"/> where the client said how it went.</summary>
    public void End(bool? success)
    {
        if (_states.Count > 1) recorder.Take(new Ended(contract, _instruction, success, [.. _images], [.. _states], [.. _chunks.SelectMany(chunk => chunk)], [.. _received], [.. _policy], _bytes));
        _images.Clear();
        _states.Clear();
        _chunks.Clear();
        _received.Clear();
        _policy.Clear();
        _bytes = 0;
    }

    /// <summary>An episode that waits for the disk.</summary>
    internal sealed record Ended(PolicyContract Contract, string Instruction, bool? Success, byte[][][] Images, float[][] States, float[] Chunks, long[] Received, long[] Policy, long Bytes)
    {
        /// <summary>
        /// T + 1 observations and the T actions between them: of every answer but the last, the first action. The commanded pose is the sum of
        /// those since the first state where states are poses (8 numbers) and actions displacements (7 numbers); zeros otherwise.
        /// </summary>
        public Episode ToEpisode()
        {
            int frames = States.Length, stateWidth = Contract.StateNames.Length, width = Contract.ActionNames.Length, chunk = Contract.ActionHorizon * width;
            var (states, actions, commands) = (new float[frames, stateWidth], new float[frames - 1, width], new float[frames, 7]);
            Span<float> command = stackalloc float[7];
            bool poses = stateWidth == 8 && width == 7;
            if (poses) EmbodimentSpec.ToCommand(States[0], command);
            for (int t = 0; t < frames; t++)
            {
                for (int i = 0; i < stateWidth; i++) states[t, i] = States[t][i];
                for (int i = 0; i < 7; i++) commands[t, i] = command[i];
                if (t == frames - 1) break;
                var action = Chunks.AsSpan(t * chunk, width);
                for (int i = 0; i < width; i++) actions[t, i] = action[i];
                if (poses) Contract.Embodiment.Advance(command, action);
            }

            var images = new Dictionary<string, byte[]>();
            for (int c = 0; c < Contract.Cameras.Length; c++)
            {
                var all = new byte[frames * Contract.Cameras[c].Bytes];
                for (int t = 0; t < frames; t++) Images[t][c].CopyTo(all, t * Contract.Cameras[c].Bytes);
                images.Add(Contract.Cameras[c].Name, all);
            }

            return new Episode
            {
                Instruction = Instruction,
                Task = "served",
                Actor = "remote",
                Seed = (ulong)Received[0],
                Success = Success ?? false,
                Terminated = Success is not null,
                Images = images,
                States = states,
                Commands = commands,
                Actions = actions,
                Progress = [],
            };
        }
    }
}
