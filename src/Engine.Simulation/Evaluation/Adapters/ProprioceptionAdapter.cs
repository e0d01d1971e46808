namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>
/// From a simulator's end-effector pose [8] (position (m), quaternion w, x, y, z, gripper openness in [0, 1]) to the proprioception that
/// policies trained on Bridge or Fractal expect.
/// </summary>
public static class ProprioceptionAdapter
{
    /// <summary>Bridge: position, roll, pitch, yaw after turning the tool frame to the data set's, openness; [7].</summary>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static void Bridge(ReadOnlySpan<double> endEffector, Span<double> proprioception)
    {
        Check(endEffector, proprioception, 7);
        Span<double> rotation = stackalloc double[9];
        Rotations.QuaternionToMatrix(endEffector[3..7], rotation);

        // R·Dᵀ with D = [[0, 0, 1], [0, 1, 0], [−1, 0, 0]]: the columns of R become its third, its second and minus its first.
        // A sum turns −0 into +0, which decides between −π and π; the added zeros keep that.
        Span<double> turned = stackalloc double[9];
        for (int row = 0; row < 3; row++)
        {
            turned[3 * row] = rotation[3 * row + 2] + 0.0;
            turned[3 * row + 1] = rotation[3 * row + 1] + 0.0;
            turned[3 * row + 2] = 0.0 - rotation[3 * row];
        }

        endEffector[..3].CopyTo(proprioception);
        Rotations.MatrixToEuler(turned, proprioception[3..6]);
        proprioception[6] = endEffector[7];
    }

    /// <summary>Fractal: position, quaternion x, y, z, w, closedness (1 − openness); [8].</summary>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static void Fractal(ReadOnlySpan<double> endEffector, Span<double> proprioception)
    {
        Check(endEffector, proprioception, 8);
        endEffector[..3].CopyTo(proprioception);
        endEffector[4..7].CopyTo(proprioception[3..]);
        proprioception[6] = endEffector[3];
        proprioception[7] = 1 - endEffector[7];
    }

    /// <summary>Fractal with Euler angles: position, roll, pitch, yaw, closedness; [7].</summary>
    /// <exception cref="ArgumentException">A length is wrong.</exception>
    public static void FractalEuler(ReadOnlySpan<double> endEffector, Span<double> proprioception)
    {
        Check(endEffector, proprioception, 7);
        Span<double> rotation = stackalloc double[9];
        Rotations.QuaternionToMatrix(endEffector[3..7], rotation);
        endEffector[..3].CopyTo(proprioception);
        Rotations.MatrixToEuler(rotation, proprioception[3..6]);
        proprioception[6] = 1 - endEffector[7];
    }

    private static void Check(ReadOnlySpan<double> endEffector, Span<double> proprioception, int width)
    {
        if (endEffector.Length != 8) throw new ArgumentException($"the pose has {endEffector.Length} numbers, expected 8", nameof(endEffector));
        if (proprioception.Length != width)
            throw new ArgumentException($"the proprioception has {proprioception.Length} numbers, expected {width}", nameof(proprioception));
    }
}
