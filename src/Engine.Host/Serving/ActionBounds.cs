using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>
/// A contract's limits on a chunk of displacements: |Δ| of a step, and the workspace that the commanded pose must stay in, followed from the observed state
/// on where that is a pose (8 numbers). An arm that stands outside may move, but not further out. The gripper has none.
/// </summary>
internal sealed class ActionBounds(PolicyContract contract, LimitMode mode, ServingMetrics metrics)
{
    /// <summary>Numbers of an action that limits are known for: six displacements and a gripper.</summary>
    internal const int Width = 7;

    /// <summary>Rounding that is no violation, as a share of the limit.</summary>
    private const float Tolerance = 1e-5f;

    private readonly EmbodimentSpec _arm = contract.Embodiment;
    private readonly bool _poses = contract.StateNames.Length == 8;

    /// <summary>Clamps a chunk [n, 7] that begins at a state, or refuses it.</summary>
    /// <exception cref="ObservationException">An action is beyond a limit, and such chunks are refused.</exception>
    internal void Apply(Span<float> actions, ReadOnlySpan<float> state)
    {
        Span<float> command = stackalloc float[Width];
        if (_poses) EmbodimentSpec.ToCommand(state, command);
        bool clamped = false;
        for (int row = 0; row < actions.Length / Width; row++)
        {
            for (int i = 0; i < 6; i++)
            {
                ref float action = ref actions[row * Width + i];
                float allowed = Allowed(i, action, command[i]);
                if (MathF.Abs(allowed - action) > Tolerance * _arm.StepLimit[i])
                {
                    if (mode == LimitMode.Refuse) throw Refused(row, i, action, allowed);
                    clamped = true;
                }

                if (mode == LimitMode.Clamp) action = allowed;
                command[i] += action;
            }
        }

        if (clamped) metrics.Clamped();
    }

    private float Allowed(int i, float action, float command)
    {
        float delta = Math.Clamp(action, -_arm.StepLimit[i], _arm.StepLimit[i]);
        if (!_poses) return delta;
        float up = MathF.Max(_arm.PoseHigh[i] - command, 0), down = MathF.Min(_arm.PoseLow[i] - command, 0);
        return Math.Clamp(delta, down, up);
    }

    private ObservationException Refused(int row, int i, float action, float allowed)
    {
        metrics.BeyondLimits();
        return new ObservationException(
            $"the policy's action {row} moves {contract.ActionNames[i]} by {action}; the contract's step limits and workspace allow {allowed} there, so nothing was sent to the robot");
    }
}
