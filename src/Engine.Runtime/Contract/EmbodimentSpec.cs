namespace Engine.Runtime.Contract;

/// <summary>
/// How actions move the commanded pose: known to the controller, so known in a dream too.
/// A control step adds the first three action numbers (m) to the commanded position and the next three (rad) to the commanded
/// roll, pitch, yaw, each clipped to ±limit per step and then to the workspace; the seventh is the gripper command (1 open, 0 closed; more than 0.5 opens).
/// </summary>
public sealed record EmbodimentSpec
{
    /// <summary>Greatest |Δ| of one control step for x, y, z (m), roll, pitch, yaw (rad); six numbers.</summary>
    public required float[] StepLimit { get; init; }

    /// <summary>Lower corner of the workspace: x, y, z (m), roll, pitch, yaw (rad).</summary>
    public required float[] PoseLow { get; init; }

    /// <summary>Upper corner of the workspace: x, y, z (m), roll, pitch, yaw (rad).</summary>
    public required float[] PoseHigh { get; init; }

    /// <summary>Control rate (Hz).</summary>
    public required double ControlHz { get; init; }

    /// <summary>
    /// Advances commanded poses in place. <paramref name="command"/> is [7]: x, y, z, roll, pitch, yaw, gripper (1 open, 0 closed);
    /// <paramref name="action"/> is [7].
    /// </summary>
    public void Advance(Span<float> command, ReadOnlySpan<float> action)
    {
        for (int i = 0; i < 6; i++)
        {
            float delta = Math.Clamp(action[i], -StepLimit[i], StepLimit[i]);
            command[i] = Math.Clamp(command[i] + delta, PoseLow[i], PoseHigh[i]);
        }

        command[6] = action[6] > 0.5f ? 1f : 0f;
    }

    /// <summary>The position of a commanded pose, ±1 over the workspace: <paramref name="scaled"/> is [3].</summary>
    public void ScalePosition(ReadOnlySpan<float> command, Span<float> scaled)
    {
        for (int i = 0; i < 3; i++) scaled[i] = 2 * (command[i] - PoseLow[i]) / (PoseHigh[i] - PoseLow[i]) - 1;
    }

    /// <summary>The commanded pose [7] that a state [8] belongs to: the inverse of <see cref="ToState"/>.</summary>
    public static void ToCommand(ReadOnlySpan<float> state, Span<float> command)
    {
        var (w, x, y, z) = (state[3], state[4], state[5], state[6]);
        state[..3].CopyTo(command);
        command[3] = MathF.Atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y));
        command[4] = MathF.Asin(Math.Clamp(2 * (w * y - z * x), -1, 1));
        command[5] = MathF.Atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z));
        command[6] = state[7] > 0.5f ? 1 : 0;
    }

    /// <summary>The state vector [8] that belongs to a commanded pose [7]: x, y, z (m), quaternion w, x, y, z (static roll-pitch-yaw), gripper command.</summary>
    public static void ToState(ReadOnlySpan<float> command, Span<float> state)
    {
        var (sr, cr) = MathF.SinCos(command[3] / 2);
        var (sp, cp) = MathF.SinCos(command[4] / 2);
        var (sy, cy) = MathF.SinCos(command[5] / 2);
        command[..3].CopyTo(state);
        state[3] = cr * cp * cy + sr * sp * sy;
        state[4] = sr * cp * cy - cr * sp * sy;
        state[5] = cr * sp * cy + sr * cp * sy;
        state[6] = cr * cp * sy - sr * sp * cy;
        state[7] = command[6];
    }
}
