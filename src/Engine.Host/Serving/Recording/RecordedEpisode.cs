using Engine.Runtime.Contract;

namespace Engine.Host.Serving.Recording;

/// <summary>An episode as it was served: n observations and their answers.</summary>
/// <param name="Contract">The served contract.</param>
/// <param name="Instruction">What the robot was told.</param>
/// <param name="Success">How it went, where the client said so.</param>
/// <param name="Images">By camera of the contract, u8 [n, H, W, 3].</param>
/// <param name="States">float32 [n][S].</param>
/// <param name="Chunks">The answers whole, float32 [n, H, A].</param>
/// <param name="Received">Unix time (ns) of each observation's answer.</param>
/// <param name="Policy">Time in the policy (ns).</param>
internal sealed record RecordedEpisode(PolicyContract Contract, string Instruction, bool? Success, byte[][] Images, float[][] States, float[] Chunks, long[] Received, long[] Policy)
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

        return new Episode
        {
            Instruction = Instruction,
            Task = "served",
            Actor = "remote",
            Seed = (ulong)Received[0],
            Success = Success ?? false,
            Terminated = Success is not null,
            Images = Contract.Cameras.Select((camera, c) => (camera.Name, Images[c])).ToDictionary(),
            States = states,
            Commands = commands,
            Actions = actions,
            Progress = [],
        };
    }
}
