using Engine.Simulation.MuJoCo;

namespace Engine.Simulation.Tabletop;

/// <summary>
/// Follows the commanded pose: inverse kinematics at 100 Hz over the joint servos, with feed-forward of the servos' lag and
/// compensation of gravity. Deterministic; allocates nothing.
/// </summary>
internal sealed class ArmController
{
    /// <summary>Controller ticks per control step (100 Hz over 5 Hz).</summary>
    public const int Ticks = 20;

    /// <summary>Physics steps per tick (500 Hz over 100 Hz).</summary>
    public const int StepsPerTick = 5;

    private const double TickSeconds = 0.01, JointSpeed = 2.5, Damping = 1e-4, Open = 0.04, Closed = -0.01;
    private readonly double[] _joints = new double[PandaChain.Joints];
    private readonly double[] _previous = new double[PandaChain.Joints];
    private readonly double[] _position = new double[3];
    private readonly double[] _quaternion = new double[4];
    private readonly double[] _turn = new double[4];
    private double _finger = Open;

    /// <summary>Puts the arm into the commanded pose with the gripper open, writing positions and actuator commands.</summary>
    /// <exception cref="InvalidOperationException">The pose is out of reach.</exception>
    public void Place(SceneModel scene, MujocoData data, ReadOnlySpan<float> command)
    {
        PandaChain.Home.CopyTo(_joints, 0);
        SetTarget(command);
        double error = double.MaxValue;
        for (int i = 0; i < 200 && error > 1e-5; i++) error = PandaChain.InverseStep(_joints, _position, _quaternion, Damping, largestTurn: 0.2);
        if (error > 1e-3)
            throw new InvalidOperationException($"The arm cannot reach {command[0]:F3}, {command[1]:F3}, {command[2]:F3} m (error {error:E1}).");
        _joints.CopyTo(_previous, 0);
        _finger = Open;
        var positions = data.Qpos;
        _joints.CopyTo(positions[scene.ArmPosition..]);
        positions[scene.FingerPosition] = positions[scene.FingerPosition + 1] = Open;
        Write(data, feedForward: 0);
    }

    /// <summary>One tick towards a pose [7] (position, roll-pitch-yaw, gripper): sets commands and advances the physics by 10 ms.</summary>
    public void Tick(SceneModel scene, MujocoData data, ReadOnlySpan<float> pose)
    {
        SetTarget(pose);
        _joints.CopyTo(_previous, 0);
        PandaChain.InverseStep(_joints, _position, _quaternion, Damping, JointSpeed * TickSeconds);
        // The fingers take a tenth of a second from end to end: a snap would knock the object away.
        double want = pose[6] > 0.5f ? Open : Closed, rate = (Open - Closed) / 10;
        _finger += Math.Clamp(want - _finger, -rate, rate);
        Write(data, feedForward: 1 / TickSeconds);
        var bias = data.BiasForce.Slice(scene.ArmVelocity, PandaChain.Joints);
        bias.CopyTo(data.AppliedForce.Slice(scene.ArmVelocity, PandaChain.Joints));
        data.Step(StepsPerTick);
    }

    private void SetTarget(ReadOnlySpan<float> pose)
    {
        for (int k = 0; k < 3; k++) _position[k] = pose[k];
        Quaternions.FromRollPitchYaw(pose[3], pose[4], pose[5], _turn);
        Quaternions.Multiply(_turn, PandaChain.HomeQuaternion, _quaternion);
    }

    private void Write(MujocoData data, double feedForward)
    {
        var ctrl = data.Ctrl;
        for (int i = 0; i < PandaChain.Joints; i++)
            ctrl[i] = _joints[i] + (_joints[i] - _previous[i]) * feedForward * PandaServo.Damping[i] / PandaServo.Stiffness[i];
        ctrl[PandaChain.Joints] = ctrl[PandaChain.Joints + 1] = _finger;
    }
}
