using Engine.Simulation.Interop;

namespace Engine.Simulation.MuJoCo;

/// <summary>
/// State of one simulation. The spans look into MuJoCo's own arrays and are valid until <see cref="Dispose"/>.
/// Used by one thread at a time. After a <see cref="MujocoException"/> only <see cref="Reset"/> makes the state whole again.
/// </summary>
public sealed unsafe class MujocoData : IDisposable
{
    private readonly MujocoDataHandle _handle;
    private readonly MujocoNative.View _view;

    /// <summary>Makes a state in the model's initial configuration.</summary>
    /// <exception cref="MujocoException">Out of memory.</exception>
    public MujocoData(MujocoModel model)
    {
        Model = model;
        MujocoLibrary.Check(MujocoNative.DataCreate(model.Handle, out _handle));
        MujocoLibrary.Check(MujocoNative.DataView(_handle, out _view));
    }

    /// <summary>The model.</summary>
    public MujocoModel Model { get; }

    /// <summary>Simulated time (s).</summary>
    public double Time => *Alive().Time;

    /// <summary>Positions [nq].</summary>
    public Span<double> Qpos => new(Alive().Qpos, Model.PositionCount);

    /// <summary>Velocities [nv].</summary>
    public Span<double> Qvel => new(Alive().Qvel, Model.VelocityCount);

    /// <summary>Actuator commands [nu].</summary>
    public Span<double> Ctrl => new(Alive().Ctrl, Model.ControlCount);

    /// <summary>Forces applied to the degrees of freedom [nv].</summary>
    public Span<double> AppliedForce => new(Alive().QfrcApplied, Model.VelocityCount);

    /// <summary>Gravity, Coriolis and centrifugal forces [nv].</summary>
    public ReadOnlySpan<double> BiasForce => new(Alive().QfrcBias, Model.VelocityCount);

    /// <summary>Bytes of memory that this state takes.</summary>
    public long Bytes
    {
        get
        {
            MujocoLibrary.Check(MujocoNative.DataBytes(_handle, out long bytes));
            return bytes;
        }
    }

    internal MujocoDataHandle Handle => _handle;

    /// <summary>Position of a body (m), world frame, 3 numbers.</summary>
    public ReadOnlySpan<double> BodyPosition(int body) => new(Alive().Xpos + 3 * InRange(body, Model.BodyCount), 3);

    /// <summary>Orientation of a body, quaternion w, x, y, z.</summary>
    public ReadOnlySpan<double> BodyQuaternion(int body) => new(Alive().Xquat + 4 * InRange(body, Model.BodyCount), 4);

    /// <summary>Position of a site (m), world frame, 3 numbers.</summary>
    public ReadOnlySpan<double> SitePosition(int site) => new(Alive().SiteXpos + 3 * InRange(site, Model.SiteCount), 3);

    /// <summary>Orientation of a site, row-major 3×3.</summary>
    public ReadOnlySpan<double> SiteRotation(int site) => new(Alive().SiteXmat + 9 * InRange(site, Model.SiteCount), 9);

    /// <summary>Back to the model's initial configuration.</summary>
    public void Reset() => MujocoLibrary.Check(MujocoNative.DataReset(_handle));

    /// <summary>Recomputes everything that depends on positions, velocities and commands, without advancing time.</summary>
    public void Forward() => MujocoLibrary.Check(MujocoNative.DataForward(_handle));

    /// <summary>Recomputes poses and what Jacobians need, from the positions.</summary>
    public void Kinematics() => MujocoLibrary.Check(MujocoNative.DataKinematics(_handle));

    /// <summary>Advances time by <paramref name="steps"/> steps.</summary>
    /// <exception cref="MujocoException">The simulation diverged, or MuJoCo raised an error.</exception>
    public void Step(int steps) => MujocoLibrary.Check(MujocoNative.DataStep(_handle, steps));

    /// <summary>Jacobians of a site's position and orientation, each row-major [3, nv].</summary>
    public void SiteJacobian(int site, Span<double> position, Span<double> rotation)
    {
        int count = 3 * Model.VelocityCount;
        if (position.Length != count || rotation.Length != count)
            throw new ArgumentException($"Jacobians of 3 × {Model.VelocityCount} = {count} numbers expected, got {position.Length} and {rotation.Length}.");
        fixed (double* p = position, r = rotation) MujocoLibrary.Check(MujocoNative.DataSiteJacobian(_handle, site, p, r, count));
    }

    /// <summary>Copies the contacts of the last step and returns their number.</summary>
    /// <exception cref="MujocoException">The destination is too short.</exception>
    public int Contacts(Span<MujocoContact> destination)
    {
        fixed (MujocoContact* pointer = destination)
        {
            MujocoLibrary.Check(MujocoNative.DataContacts(_handle, pointer, destination.Length, out int count));
            return count;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private static int InRange(int index, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, count);
        return index;
    }

    private ref readonly MujocoNative.View Alive()
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        return ref _view;
    }
}
