namespace Engine.Simulation.Tabletop;

/// <summary>Quaternions w, x, y, z in double precision, as MuJoCo stores them.</summary>
internal static class Quaternions
{
    /// <summary>The product a·b; the destination may be one of them.</summary>
    public static void Multiply(ReadOnlySpan<double> a, ReadOnlySpan<double> b, Span<double> destination)
    {
        double w = a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3];
        double x = a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2];
        double y = a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1];
        double z = a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0];
        destination[0] = w;
        destination[1] = x;
        destination[2] = y;
        destination[3] = z;
    }

    /// <summary>Turns a vector [3].</summary>
    public static void Rotate(ReadOnlySpan<double> q, ReadOnlySpan<double> vector, Span<double> destination)
    {
        double w = q[0], x = q[1], y = q[2], z = q[3];
        double tx = 2 * (y * vector[2] - z * vector[1]), ty = 2 * (z * vector[0] - x * vector[2]), tz = 2 * (x * vector[1] - y * vector[0]);
        destination[0] = vector[0] + w * tx + y * tz - z * ty;
        destination[1] = vector[1] + w * ty + z * tx - x * tz;
        destination[2] = vector[2] + w * tz + x * ty - y * tx;
    }

    /// <summary>Rotation vector (rad, world frame) of the turn that leads from <paramref name="from"/> to <paramref name="to"/>.</summary>
    public static void Difference(ReadOnlySpan<double> to, ReadOnlySpan<double> from, Span<double> destination)
    {
        Span<double> inverse = [from[0], -from[1], -from[2], -from[3]], turn = stackalloc double[4];
        Multiply(to, inverse, turn);
        double sign = turn[0] < 0 ? -1 : 1;
        double sine = Math.Sqrt(turn[1] * turn[1] + turn[2] * turn[2] + turn[3] * turn[3]);
        double scale = sine < 1e-12 ? 2 * sign : sign * 2 * Math.Atan2(sine, sign * turn[0]) / sine;
        for (int k = 0; k < 3; k++) destination[k] = scale * turn[k + 1];
    }

    /// <summary>Static roll, pitch, yaw (rad): turns about the fixed x, then y, then z axis.</summary>
    public static void FromRollPitchYaw(double roll, double pitch, double yaw, Span<double> destination)
    {
        var (sr, cr) = Math.SinCos(roll / 2);
        var (sp, cp) = Math.SinCos(pitch / 2);
        var (sy, cy) = Math.SinCos(yaw / 2);
        destination[0] = cr * cp * cy + sr * sp * sy;
        destination[1] = sr * cp * cy - cr * sp * sy;
        destination[2] = cr * sp * cy + sr * cp * sy;
        destination[3] = cr * cp * sy - sr * sp * cy;
    }

    /// <summary>Heading of the turned x axis in the plane of the table (rad).</summary>
    public static double Yaw(ReadOnlySpan<double> q) =>
        Math.Atan2(2 * (q[0] * q[3] + q[1] * q[2]), 1 - 2 * (q[2] * q[2] + q[3] * q[3]));

    /// <summary>From a rotation matrix, row-major 3×3; the branch with the largest divisor is taken.</summary>
    public static void FromMatrix(ReadOnlySpan<double> m, Span<double> destination)
    {
        double trace = m[0] + m[4] + m[8];
        if (trace > 0)
        {
            double s = 2 * Math.Sqrt(1 + trace);
            Set(destination, s / 4, (m[7] - m[5]) / s, (m[2] - m[6]) / s, (m[3] - m[1]) / s);
        }
        else if (m[0] > m[4] && m[0] > m[8])
        {
            double s = 2 * Math.Sqrt(1 + m[0] - m[4] - m[8]);
            Set(destination, (m[7] - m[5]) / s, s / 4, (m[1] + m[3]) / s, (m[2] + m[6]) / s);
        }
        else if (m[4] > m[8])
        {
            double s = 2 * Math.Sqrt(1 + m[4] - m[0] - m[8]);
            Set(destination, (m[2] - m[6]) / s, (m[1] + m[3]) / s, s / 4, (m[5] + m[7]) / s);
        }
        else
        {
            double s = 2 * Math.Sqrt(1 + m[8] - m[0] - m[4]);
            Set(destination, (m[3] - m[1]) / s, (m[2] + m[6]) / s, (m[5] + m[7]) / s, s / 4);
        }
    }

    private static void Set(Span<double> destination, double w, double x, double y, double z)
    {
        destination[0] = w;
        destination[1] = x;
        destination[2] = y;
        destination[3] = z;
    }
}
