namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>
/// Rotation conversions in float64, equal to transforms3d's, which INT-ACT uses (arXiv 2506.09930): quaternions are w, x, y, z unless a name
/// says otherwise, matrices are [3, 3] row-major, angles are in rad.
/// </summary>
public static class Rotations
{
    private const double Epsilon = 2.220446049250313e-16;

    /// <summary>The matrix [9] of a quaternion [4] of any length; a zero one is the identity.</summary>
    public static void QuaternionToMatrix(ReadOnlySpan<double> quaternion, Span<double> matrix)
    {
        CheckLength(quaternion.Length, 4, nameof(quaternion));
        CheckLength(matrix.Length, 9, nameof(matrix));
        double w = quaternion[0], x = quaternion[1], y = quaternion[2], z = quaternion[3];
        double square = w * w + x * x + y * y + z * z;
        if (square < Epsilon)
        {
            matrix.Clear();
            matrix[0] = matrix[4] = matrix[8] = 1;
            return;
        }

        double s = 2.0 / square;
        double xs = x * s, ys = y * s, zs = z * s;
        matrix[0] = 1.0 - (y * ys + z * zs);
        matrix[1] = x * ys - w * zs;
        matrix[2] = x * zs + w * ys;
        matrix[3] = x * ys + w * zs;
        matrix[4] = 1.0 - (x * xs + z * zs);
        matrix[5] = y * zs - w * xs;
        matrix[6] = x * zs - w * ys;
        matrix[7] = y * zs + w * xs;
        matrix[8] = 1.0 - (x * xs + y * ys);
    }

    /// <summary>Euler angles [3] of a rotation matrix [9]; at gimbal lock the last (for rotating axes the first) angle is 0.</summary>
    public static void MatrixToEuler(ReadOnlySpan<double> matrix, Span<double> angles, EulerAxes axes = default)
    {
        CheckLength(matrix.Length, 9, nameof(matrix));
        CheckLength(angles.Length, 3, nameof(angles));
        int i = axes.First, j = axes.Second, k = axes.Third;
        double ax, ay, az;
        if (axes.Repeats)
        {
            double sine = Math.Sqrt(matrix[3 * i + j] * matrix[3 * i + j] + matrix[3 * i + k] * matrix[3 * i + k]);
            bool free = sine > 4 * Epsilon;
            ax = free ? Math.Atan2(matrix[3 * i + j], matrix[3 * i + k]) : Math.Atan2(-matrix[3 * j + k], matrix[3 * j + j]);
            ay = Math.Atan2(sine, matrix[3 * i + i]);
            az = free ? Math.Atan2(matrix[3 * j + i], -matrix[3 * k + i]) : 0;
        }
        else
        {
            double cosine = Math.Sqrt(matrix[3 * i + i] * matrix[3 * i + i] + matrix[3 * j + i] * matrix[3 * j + i]);
            bool free = cosine > 4 * Epsilon;
            ax = free ? Math.Atan2(matrix[3 * k + j], matrix[3 * k + k]) : Math.Atan2(-matrix[3 * j + k], matrix[3 * j + j]);
            ay = Math.Atan2(-matrix[3 * k + i], cosine);
            az = free ? Math.Atan2(matrix[3 * j + i], matrix[3 * i + i]) : 0;
        }

        if (axes.Odd) (ax, ay, az) = (-ax, -ay, -az);
        (angles[0], angles[1], angles[2]) = axes.Rotating ? (az, ay, ax) : (ax, ay, az);
    }

    /// <summary>The matrix [9] of Euler angles [3].</summary>
    public static void EulerToMatrix(ReadOnlySpan<double> angles, Span<double> matrix, EulerAxes axes = default)
    {
        CheckLength(angles.Length, 3, nameof(angles));
        CheckLength(matrix.Length, 9, nameof(matrix));
        int i = axes.First, j = axes.Second, k = axes.Third;
        var (ai, aj, ak) = axes.Rotating ? (angles[2], angles[1], angles[0]) : (angles[0], angles[1], angles[2]);
        if (axes.Odd) (ai, aj, ak) = (-ai, -aj, -ak);
        var (si, ci) = Math.SinCos(ai);
        var (sj, cj) = Math.SinCos(aj);
        var (sk, ck) = Math.SinCos(ak);
        double cc = ci * ck, cs = ci * sk, sc = si * ck, ss = si * sk;
        if (axes.Repeats)
        {
            matrix[3 * i + i] = cj;
            matrix[3 * i + j] = sj * si;
            matrix[3 * i + k] = sj * ci;
            matrix[3 * j + i] = sj * sk;
            matrix[3 * j + j] = -cj * ss + cc;
            matrix[3 * j + k] = -cj * cs - sc;
            matrix[3 * k + i] = -sj * ck;
            matrix[3 * k + j] = cj * sc + cs;
            matrix[3 * k + k] = cj * cc - ss;
        }
        else
        {
            matrix[3 * i + i] = cj * ck;
            matrix[3 * i + j] = sj * sc - cs;
            matrix[3 * i + k] = sj * cc + ss;
            matrix[3 * j + i] = cj * sk;
            matrix[3 * j + j] = sj * ss + cc;
            matrix[3 * j + k] = sj * cs - sc;
            matrix[3 * k + i] = -sj;
            matrix[3 * k + j] = cj * si;
            matrix[3 * k + k] = cj * ci;
        }
    }

    /// <summary>The unit quaternion [4] of Euler angles [3].</summary>
    public static void EulerToQuaternion(ReadOnlySpan<double> angles, Span<double> quaternion, EulerAxes axes = default)
    {
        CheckLength(angles.Length, 3, nameof(angles));
        CheckLength(quaternion.Length, 4, nameof(quaternion));
        int i = axes.First + 1, j = axes.Second + 1, k = axes.Third + 1;
        var (ai, aj, ak) = axes.Rotating ? (angles[2], angles[1], angles[0]) : (angles[0], angles[1], angles[2]);
        if (axes.Odd) aj = -aj;
        var (si, ci) = Math.SinCos(ai / 2);
        var (sj, cj) = Math.SinCos(aj / 2);
        var (sk, ck) = Math.SinCos(ak / 2);
        double cc = ci * ck, cs = ci * sk, sc = si * ck, ss = si * sk;
        if (axes.Repeats)
        {
            quaternion[0] = cj * (cc - ss);
            quaternion[i] = cj * (cs + sc);
            quaternion[j] = sj * (cc + ss);
            quaternion[k] = sj * (cs - sc);
        }
        else
        {
            quaternion[0] = cj * cc + sj * ss;
            quaternion[i] = cj * sc - sj * cs;
            quaternion[j] = cj * ss + sj * cc;
            quaternion[k] = cj * cs - sj * sc;
        }

        if (axes.Odd) quaternion[j] = -quaternion[j];
    }

    /// <summary>
    /// Axis [3] and angle in [0, 2π] of a quaternion [4] of any length; its sign is kept, so the angle may exceed π. A zero quaternion and one
    /// without a vector part give the x axis and 0.
    /// </summary>
    public static double QuaternionToAxisAngle(ReadOnlySpan<double> quaternion, Span<double> axis)
    {
        CheckLength(quaternion.Length, 4, nameof(quaternion));
        CheckLength(axis.Length, 3, nameof(axis));
        double w = quaternion[0], x = quaternion[1], y = quaternion[2], z = quaternion[3];
        double square = w * w + x * x + y * y + z * z;
        axis[0] = 1;
        axis[1] = axis[2] = 0;
        if (!double.IsFinite(square)) return double.NaN;
        if (square < Epsilon * Epsilon) return 0;
        double length = Math.Sqrt(square);
        (w, x, y, z) = (w / length, x / length, y / length, z / length);
        double vector = x * x + y * y + z * z;
        if (vector < 9 * Epsilon * Epsilon) return 0;
        double norm = Math.Sqrt(vector);
        (axis[0], axis[1], axis[2]) = (x / norm, y / norm, z / norm);
        return 2 * Math.Acos(Math.Clamp(w, -1.0, 1.0));
    }

    /// <summary>The rotation vector [3], axis times angle, of Euler angles [3].</summary>
    public static void EulerToRotationVector(ReadOnlySpan<double> angles, Span<double> vector, EulerAxes axes = default)
    {
        Span<double> quaternion = stackalloc double[4];
        EulerToQuaternion(angles, quaternion, axes);
        double angle = QuaternionToAxisAngle(quaternion, vector);
        for (int i = 0; i < 3; i++) vector[i] *= angle;
    }

    /// <summary>LIBERO's form: the rotation vector [3] of a unit quaternion x, y, z, w; zero where the vector part vanishes.</summary>
    public static void QuaternionXyzwToRotationVector(ReadOnlySpan<double> quaternion, Span<double> vector)
    {
        CheckLength(quaternion.Length, 4, nameof(quaternion));
        CheckLength(vector.Length, 3, nameof(vector));
        double w = Math.Clamp(quaternion[3], -1.0, 1.0);
        double root = Math.Sqrt(1.0 - w * w);
        double scale = root == 0 ? 0 : 2 * Math.Acos(w) / root;
        for (int i = 0; i < 3; i++) vector[i] = quaternion[i] * scale;
    }

    private static void CheckLength(int actual, int expected, string name)
    {
        if (actual != expected) throw new ArgumentException($"{name} has {actual} numbers, expected {expected}", name);
    }
}
