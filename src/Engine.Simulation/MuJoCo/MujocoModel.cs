using System.Text;
using Engine.Simulation.Interop;

namespace Engine.Simulation.MuJoCo;

/// <summary>A compiled MuJoCo model: immutable, shared by any number of <see cref="MujocoData"/> on any threads.</summary>
public sealed unsafe class MujocoModel : IDisposable
{
    private readonly MujocoModelHandle _handle;
    private readonly MujocoNative.Sizes _sizes;

    /// <summary>Compiles MJCF text.</summary>
    /// <exception cref="MujocoException">The text does not compile; the message is MuJoCo's, with line and column.</exception>
    public MujocoModel(string mjcf)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(mjcf);
        MujocoLibrary.Ensure();
        byte[] bytes = Encoding.UTF8.GetBytes(mjcf);
        fixed (byte* pointer = bytes) MujocoLibrary.Check(MujocoNative.ModelCreate(pointer, bytes.Length, out _handle));
        MujocoLibrary.Check(MujocoNative.ModelSizes(_handle, out _sizes));
    }

    /// <summary>Length of the position vector.</summary>
    public int PositionCount => _sizes.Nq;

    /// <summary>Degrees of freedom, the length of the velocity vector.</summary>
    public int VelocityCount => _sizes.Nv;

    /// <summary>Number of actuators.</summary>
    public int ControlCount => _sizes.Nu;

    /// <summary>Number of bodies, the world included.</summary>
    public int BodyCount => _sizes.Nbody;

    /// <summary>Number of geoms.</summary>
    public int GeomCount => _sizes.Ngeom;

    /// <summary>Number of sites.</summary>
    public int SiteCount => _sizes.Nsite;

    /// <summary>Number of cameras.</summary>
    public int CameraCount => _sizes.Ncam;

    internal MujocoModelHandle Handle => _handle;

    /// <summary>Id of a named object.</summary>
    /// <exception cref="MujocoException">There is none of that name.</exception>
    public int Id(MujocoObject kind, string name)
    {
        MujocoLibrary.Check(MujocoNative.ModelId(_handle, (int)kind, name, out int id));
        return id;
    }

    /// <summary>Where a named joint's numbers begin in the position and in the velocity vector.</summary>
    /// <exception cref="MujocoException">There is none of that name.</exception>
    public (int Position, int Velocity) JointAddress(string name)
    {
        MujocoLibrary.Check(MujocoNative.ModelJoint(_handle, Id(MujocoObject.Joint, name), out int position, out int velocity));
        return (position, velocity);
    }

    /// <summary>The body that a geom belongs to.</summary>
    public int BodyOf(int geom)
    {
        MujocoLibrary.Check(MujocoNative.ModelGeomBody(_handle, geom, out int body));
        return body;
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();
}
