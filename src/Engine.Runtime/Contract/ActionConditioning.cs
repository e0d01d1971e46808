namespace Engine.Runtime.Contract;

/// <summary>
/// What a world model is told about the action that leads to a frame: the action itself, a flag that it is known, and the commanded
/// pose after it (integrated from the actions, so known in a dream as well) with Fourier features of the position.
/// Layout [42]: action scaled by the step limits (7; gripper as ±1), flag (1), gripper command as ±1 (1), roll, pitch, yaw (rad, 3),
/// sin and cos of π·2^k·p for p = x, y, z scaled to ±0.9 over the workspace, k = 0 … 4 (30).
/// </summary>
public static class ActionConditioning
{
    private const int Frequencies = 5;

    /// <summary>Width of the vector.</summary>
    public const int Width = 7 + 1 + 1 + 3 + 3 * 2 * Frequencies;

    /// <summary>Fills the vector of a frame.</summary>
    /// <param name="embodiment">Limits and workspace.</param>
    /// <param name="action">Action [7] that led to the frame; empty when unknown (the first frame of an episode).</param>
    /// <param name="command">Commanded pose [7] at the frame.</param>
    /// <param name="destination">[42].</param>
    public static void Fill(EmbodimentSpec embodiment, ReadOnlySpan<float> action, ReadOnlySpan<float> command, Span<float> destination)
    {
        if (destination.Length != Width)
            throw new ArgumentException($"destination has {destination.Length} numbers; expected {Width}.", nameof(destination));
        destination.Clear();
        if (!action.IsEmpty)
        {
            for (int i = 0; i < 6; i++)
                destination[i] = Math.Clamp(action[i], -embodiment.StepLimit[i], embodiment.StepLimit[i]) / embodiment.StepLimit[i];
            destination[6] = action[6] > 0.5f ? 1 : -1;
            destination[7] = 1;
        }

        destination[8] = command[6] > 0.5f ? 1 : -1;
        command.Slice(3, 3).CopyTo(destination[9..]);
        int at = 12;
        for (int i = 0; i < 3; i++)
        {
            float p = 0.9f * (2 * (command[i] - embodiment.PoseLow[i]) / (embodiment.PoseHigh[i] - embodiment.PoseLow[i]) - 1);
            for (int k = 0; k < Frequencies; k++)
            {
                var (sin, cos) = MathF.SinCos(MathF.PI * (1 << k) * p);
                destination[at++] = sin;
                destination[at++] = cos;
            }
        }
    }
}
