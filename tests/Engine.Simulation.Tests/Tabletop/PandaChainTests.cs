using Engine.Kernels.Ops.Philox;
using Engine.Simulation.MuJoCo;
using Engine.Simulation.Tabletop;

namespace Engine.Simulation.Tests.Tabletop;

public sealed class PandaChainTests
{
    [Fact]
    public void Forward_kinematics_and_Jacobian_are_MuJoCos()
    {
        using var model = new MujocoModel(SceneMjcf.Build([ObjectShape.Cube], shadows: false));
        using var data = new MujocoData(model);
        int tip = model.Id(MujocoObject.Site, "tip"), nv = model.VelocityCount;
        var (positionAddress, velocityAddress) = model.JointAddress("joint1");
        var random = new PhiloxRandom(new PhiloxKey(5, 1));
        double[] position = new double[3], quaternion = new double[4], jacobian = new double[42], jp = new double[3 * nv], jr = new double[3 * nv], expected = new double[4];
        for (int trial = 0; trial < 20; trial++)
        {
            double[] joints = [.. PandaChain.Links.Select(link => link.Low + (link.High - link.Low) * random.NextFloat())];
            joints.CopyTo(data.Qpos[positionAddress..]);
            data.Kinematics();
            PandaChain.Forward(joints, position, quaternion, jacobian);
            for (int k = 0; k < 3; k++) Assert.Equal(data.SitePosition(tip)[k], position[k], 1e-10);
            Quaternions.FromMatrix(data.SiteRotation(tip), expected);
            Assert.Equal(1, Math.Abs(expected.Zip(quaternion, (a, b) => a * b).Sum()), 1e-10);
            data.SiteJacobian(tip, jp, jr);
            for (int row = 0; row < 3; row++)
            {
                for (int joint = 0; joint < 7; joint++)
                {
                    Assert.Equal(jp[row * nv + velocityAddress + joint], jacobian[row * 7 + joint], 1e-10);
                    Assert.Equal(jr[row * nv + velocityAddress + joint], jacobian[(3 + row) * 7 + joint], 1e-10);
                }
            }
        }
    }

    [Fact]
    public void Every_corner_of_the_workspace_is_in_reach_at_every_extreme_of_orientation()
    {
        var spec = TabletopEmbodiment.Spec;
        double[] corner = new double[6], turn = new double[4], target = new double[4];
        for (int bits = 0; bits < 64; bits++)
        {
            double[] joints = [.. PandaChain.Home];
            for (int k = 0; k < 6; k++) corner[k] = (bits >> k & 1) == 0 ? spec.PoseLow[k] : spec.PoseHigh[k];
            Quaternions.FromRollPitchYaw(corner[3], corner[4], corner[5], turn);
            Quaternions.Multiply(turn, PandaChain.HomeQuaternion, target);
            double error = 1;
            for (int i = 0; i < 300 && error > 1e-5; i++) error = PandaChain.InverseStep(joints, corner.AsSpan(0, 3), target, 1e-4, 0.2);
            Assert.True(error < 1e-3, $"corner {string.Join(", ", corner)}: {error:E1}");
        }
    }
}
