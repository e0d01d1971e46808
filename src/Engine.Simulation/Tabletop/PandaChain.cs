namespace Engine.Simulation.Tabletop;

/// <summary>
/// Kinematics of the arm: the link lengths of Franka's Panda, its base standing behind the table. The same table of links makes the
/// MJCF and the forward kinematics, so the controller and the simulation cannot differ. Lengths in m, angles in rad, world frame.
/// </summary>
public static class PandaChain
{
    /// <summary>Number of joints.</summary>
    public const int Joints = 7;

    /// <summary>Height of the fingertips' middle below the hand's origin (m).</summary>
    public const double FingertipOffset = 0.1034;

    /// <summary>Where the arm's base stands (m).</summary>
    public static readonly double[] Base = [-0.53, 0, 0];

    /// <summary>A comfortable posture from which inverse kinematics starts.</summary>
    public static readonly double[] Home = [0, 0.1, 0, -2.2, 0, 2.3, Math.PI / 4];

    /// <summary>Orientation of the hand in its home pose, quaternion w, x, y, z: fingers down.</summary>
    public static readonly double[] HomeQuaternion = [0, 1, 0, 0];

    /// <summary>Each joint's frame in its parent's: position (m), rotation about x (rad), and the joint's range (rad).</summary>
    public static readonly (double X, double Y, double Z, double RotateX, double Low, double High)[] Links =
    [
        (0, 0, 0.333, 0, -2.8973, 2.8973),
        (0, 0, 0, -Math.PI / 2, -1.7628, 1.7628),
        (0, -0.316, 0, Math.PI / 2, -2.8973, 2.8973),
        (0.0825, 0, 0, Math.PI / 2, -3.0718, -0.0698),
        (-0.0825, 0.384, 0, -Math.PI / 2, -2.8973, 2.8973),
        (0, 0, 0, Math.PI / 2, -0.0175, 3.7525),
        (0.088, 0, 0, Math.PI / 2, -2.8973, 2.8973),
    ];

    /// <summary>The hand in the last joint's frame: 0.107 m further, turned by −45°.</summary>
    public const double FlangeOffset = 0.107;

    /// <summary>Turn of the hand against the last joint (rad).</summary>
    public const double HandTurn = -Math.PI / 4;

    /// <summary>
    /// Pose of the fingertips' middle, and its Jacobian.
    /// </summary>
    /// <param name="joints">Joint angles [7].</param>
    /// <param name="position">Position [3].</param>
    /// <param name="quaternion">Orientation w, x, y, z [4].</param>
    /// <param name="jacobian">Row-major [6, 7]: velocity, then angular velocity, for each joint.</param>
    public static void Forward(ReadOnlySpan<double> joints, Span<double> position, Span<double> quaternion, Span<double> jacobian)
    {
        Span<double> origins = stackalloc double[3 * Joints], axes = stackalloc double[3 * Joints];
        Span<double> p = [Base[0], Base[1], Base[2]], q = [1, 0, 0, 0], step = stackalloc double[4], moved = stackalloc double[3];
        for (int i = 0; i < Joints; i++)
        {
            var link = Links[i];
            Quaternions.Rotate(q, [link.X, link.Y, link.Z], moved);
            for (int k = 0; k < 3; k++) p[k] += moved[k];
            step[0] = Math.Cos(link.RotateX / 2);
            step[1] = Math.Sin(link.RotateX / 2);
            step[2] = step[3] = 0;
            Quaternions.Multiply(q, step, q);
            Quaternions.Rotate(q, [0, 0, 1], moved);
            p.CopyTo(origins.Slice(3 * i, 3));
            moved.CopyTo(axes.Slice(3 * i, 3));
            step[0] = Math.Cos(joints[i] / 2);
            step[1] = step[2] = 0;
            step[3] = Math.Sin(joints[i] / 2);
            Quaternions.Multiply(q, step, q);
        }

        Quaternions.Rotate(q, [0, 0, FlangeOffset + FingertipOffset], moved);
        for (int k = 0; k < 3; k++) position[k] = p[k] + moved[k];
        step[0] = Math.Cos(HandTurn / 2);
        step[3] = Math.Sin(HandTurn / 2);
        step[1] = step[2] = 0;
        Quaternions.Multiply(q, step, quaternion);

        for (int i = 0; i < Joints; i++)
        {
            double ax = axes[3 * i], ay = axes[3 * i + 1], az = axes[3 * i + 2];
            double dx = position[0] - origins[3 * i], dy = position[1] - origins[3 * i + 1], dz = position[2] - origins[3 * i + 2];
            jacobian[i] = ay * dz - az * dy;
            jacobian[Joints + i] = az * dx - ax * dz;
            jacobian[2 * Joints + i] = ax * dy - ay * dx;
            jacobian[3 * Joints + i] = ax;
            jacobian[4 * Joints + i] = ay;
            jacobian[5 * Joints + i] = az;
        }
    }

    /// <summary>
    /// One step of damped least squares towards a pose, <c>q += h + Jᵀ (J Jᵀ + λ I)⁻¹ (e − J h)</c>, where h pulls the joint that is
    /// left over towards <see cref="Home"/>, so that the arm keeps one posture whatever way it came. Joints stay in their ranges.
    /// Returns the error before the step: distance (m) plus angle (rad).
    /// </summary>
    /// <param name="joints">Joint angles [7], changed in place.</param>
    /// <param name="targetPosition">Wanted position [3].</param>
    /// <param name="targetQuaternion">Wanted orientation w, x, y, z [4].</param>
    /// <param name="damping">λ.</param>
    /// <param name="largestTurn">No joint turns by more than this (rad).</param>
    public static double InverseStep(
        Span<double> joints, ReadOnlySpan<double> targetPosition, ReadOnlySpan<double> targetQuaternion, double damping, double largestTurn)
    {
        const double posture = 0.05;
        Span<double> position = stackalloc double[3], quaternion = stackalloc double[4], jacobian = stackalloc double[6 * Joints];
        Forward(joints, position, quaternion, jacobian);
        Span<double> error = stackalloc double[6];
        for (int k = 0; k < 3; k++) error[k] = targetPosition[k] - position[k];
        Quaternions.Difference(targetQuaternion, quaternion, error[3..]);
        double size = Math.Sqrt(error[0] * error[0] + error[1] * error[1] + error[2] * error[2])
            + Math.Sqrt(error[3] * error[3] + error[4] * error[4] + error[5] * error[5]);

        Span<double> homing = stackalloc double[Joints], system = stackalloc double[6 * 7];
        for (int c = 0; c < Joints; c++) homing[c] = posture * (Home[c] - joints[c]);
        for (int i = 0; i < 6; i++)
        {
            for (int k = 0; k < 6; k++)
            {
                double sum = 0;
                for (int c = 0; c < Joints; c++) sum += jacobian[i * Joints + c] * jacobian[k * Joints + c];
                system[i * 7 + k] = sum;
            }

            system[i * 7 + i] += damping;
            double towards = error[i];
            for (int c = 0; c < Joints; c++) towards -= jacobian[i * Joints + c] * homing[c];
            system[i * 7 + 6] = towards;
        }

        for (int i = 0; i < 6; i++)
        {
            double pivot = system[i * 7 + i];
            for (int k = i; k < 7; k++) system[i * 7 + k] /= pivot;
            for (int r = 0; r < 6; r++)
            {
                if (r == i) continue;
                double factor = system[r * 7 + i];
                for (int k = i; k < 7; k++) system[r * 7 + k] -= factor * system[i * 7 + k];
            }
        }

        for (int c = 0; c < Joints; c++)
        {
            double turn = homing[c];
            for (int r = 0; r < 6; r++) turn += jacobian[r * Joints + c] * system[r * 7 + 6];
            joints[c] = Math.Clamp(joints[c] + Math.Clamp(turn, -largestTurn, largestTurn), Links[c].Low, Links[c].High);
        }

        return size;
    }
}
