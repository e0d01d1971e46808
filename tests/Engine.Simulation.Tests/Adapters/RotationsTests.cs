using Engine.Simulation.Evaluation.Adapters;

namespace Engine.Simulation.Tests.Adapters;

public sealed class RotationsTests
{
    private const double Tolerance = 1e-6;

    private readonly AdapterGolden _golden = new("intact_geometry.npz");

    [Fact]
    public void Quaternions_agree()
    {
        _golden.AssertRows("quat_wxyz", 4, "quat2mat", 9, (q, m) => Rotations.QuaternionToMatrix(q, m), Tolerance);
        AssertEuler("quat_wxyz", 4, "quat2euler_sxyz", EulerAxes.StaticXyz, (q, m) => Rotations.QuaternionToMatrix(q, m));
        _golden.AssertRows("quat_wxyz", 4, "quat2axangle.axis", 3, (q, axis) => Rotations.QuaternionToAxisAngle(q, axis), Tolerance);
        _golden.AssertRows("quat_wxyz", 4, "quat2axangle.angle", 1, (q, a) => a[0] = Rotations.QuaternionToAxisAngle(q, new double[3]), Tolerance);
        _golden.AssertRows("quat_xyzw", 4, "quat2axisangle_xyzw", 3, (q, v) => Rotations.QuaternionXyzwToRotationVector(q, v), Tolerance);
    }

    [Fact]
    public void Roll_pitch_yaw_agree()
    {
        _golden.AssertRows("euler_sxyz", 3, "euler2mat", 9, (e, m) => Rotations.EulerToMatrix(e, m), Tolerance);
        _golden.AssertRows("euler_sxyz", 3, "euler2quat", 4, (e, q) => Rotations.EulerToQuaternion(e, q), Tolerance);
        _golden.AssertRows("euler_sxyz", 3, "euler2rotvec", 3, (e, v) => Rotations.EulerToRotationVector(e, v), Tolerance);
        AssertEuler("euler_sxyz", 3, "mat2euler_of_euler2mat", EulerAxes.StaticXyz, (e, m) => Rotations.EulerToMatrix(e, m));
        _golden.AssertRows("euler_sxyz", 3, "euler2axangle.axis", 3, (e, axis) => AxisAngle(e, axis), Tolerance);
        _golden.AssertRows("euler_sxyz", 3, "euler2axangle.angle", 1, (e, a) => a[0] = AxisAngle(e, new double[3]), Tolerance);
    }

    [Fact]
    public void Other_conventions_agree()
    {
        string[] names = [.. _golden.Names.Where(n => n.EndsWith(".euler2quat", StringComparison.Ordinal)).Select(n => n[..4])];
        Assert.True(names.Length >= 5);
        foreach (string name in names)
        {
            EulerAxes axes = EulerAxes.Parse(name);
            _golden.AssertRows("euler_sxyz", 3, $"{name}.euler2mat", 9, (e, m) => Rotations.EulerToMatrix(e, m, axes), Tolerance);
            _golden.AssertRows("euler_sxyz", 3, $"{name}.euler2quat", 4, (e, q) => Rotations.EulerToQuaternion(e, q, axes), Tolerance);
            AssertEuler("euler_sxyz", 3, $"{name}.mat2euler", axes, (e, m) => Rotations.EulerToMatrix(e, m, axes));
        }
    }

    [Fact]
    public void All_24_conventions_go_there_and_back()
    {
        string[] names = [.. from f in "sr" from a in "xyz" from b in "xyz" from c in "xyz" where a != b && b != c select $"{f}{a}{b}{c}"];
        Assert.Equal(24, names.Length);
        foreach (string name in names)
        {
            EulerAxes axes = EulerAxes.Parse(name);
            double[] matrix = new double[9], again = new double[9], fromQuaternion = new double[9], angles = new double[3], quaternion = new double[4];
            double[] first = [0.4, axes is { Odd: true, Repeats: true } ? -1.1 : 1.1, -2.3];
            Rotations.EulerToMatrix(first, matrix, axes);
            Rotations.MatrixToEuler(matrix, angles, axes);
            AdapterGolden.AssertClose(first, angles, 1e-12, name);
            Rotations.EulerToQuaternion(angles, quaternion, axes);
            Rotations.QuaternionToMatrix(quaternion, fromQuaternion);
            Rotations.EulerToMatrix(angles, again, axes);
            AdapterGolden.AssertClose(matrix, fromQuaternion, 1e-12, name);
            AdapterGolden.AssertClose(matrix, again, 1e-12, name);
        }
    }

    [Theory]
    [InlineData("xyz")]
    [InlineData("sxxz")]
    [InlineData("sxyw")]
    [InlineData("txyz")]
    [InlineData("")]
    public void An_unknown_convention_is_refused(string name) => Assert.Throws<ArgumentException>(() => EulerAxes.Parse(name));

    private static double AxisAngle(double[] angles, double[] axis)
    {
        var quaternion = new double[4];
        Rotations.EulerToQuaternion(angles, quaternion);
        return Rotations.QuaternionToAxisAngle(quaternion, axis);
    }

    /// <summary>Angles must agree; next to gimbal lock, where the last bit decides how they are split, the rotations must.</summary>
    private void AssertEuler(string input, int width, string output, EulerAxes axes, Action<double[], double[]> toMatrix)
    {
        double[] from = _golden[input], expected = _golden[output];
        for (int row = 0; row < from.Length / width; row++)
        {
            double[] matrix = new double[9], angles = new double[3], want = expected[(row * 3)..(row * 3 + 3)];
            toMatrix(from[(row * width)..((row + 1) * width)], matrix);
            Rotations.MatrixToEuler(matrix, angles, axes);
            double lever = axes.Repeats ? Math.Sin(want[1]) : Math.Cos(want[1]);
            if (Math.Abs(lever) > 1e-5)
            {
                AdapterGolden.AssertClose(want, angles, Tolerance / Math.Min(1, Math.Abs(lever) * 10), $"{output} row {row}");
            }
            else
            {
                double[] wantMatrix = new double[9], gotMatrix = new double[9];
                Rotations.EulerToMatrix(want, wantMatrix, axes);
                Rotations.EulerToMatrix(angles, gotMatrix, axes);
                AdapterGolden.AssertClose(wantMatrix, gotMatrix, 2e-6, $"{output} row {row} at gimbal lock");
            }
        }
    }
}
