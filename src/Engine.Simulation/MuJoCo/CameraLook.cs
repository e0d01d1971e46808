using System.Numerics;
using System.Runtime.InteropServices;

namespace Engine.Simulation.MuJoCo;

/// <summary>How one camera is moved in one environment.</summary>
/// <param name="Camera">Camera id.</param>
/// <param name="Offset">Displacement (m) in the camera's own frame: x right, y up, z backwards.</param>
/// <param name="Rotation">Rotation vector (rad) in the camera's own frame.</param>
/// <param name="FieldOfView">Vertical field of view (degrees); 0 keeps the model's.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct CameraLook(int Camera, Vector3 Offset, Vector3 Rotation, float FieldOfView);
