using System.Numerics;
using System.Runtime.InteropServices;

namespace Engine.Simulation.MuJoCo;

/// <summary>The lights of one environment in place of the model's; colours RGB in [0, 1].</summary>
/// <param name="Enabled">1 to take these, 0 to keep the model's.</param>
/// <param name="HeadlightAmbient">Ambient colour.</param>
/// <param name="HeadlightDiffuse">Diffuse colour of the light at the camera.</param>
/// <param name="Direction">Direction of the scene's first light, a unit vector.</param>
/// <param name="Diffuse">Diffuse colour of the scene's first light.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct LightLook(int Enabled, Vector3 HeadlightAmbient, Vector3 HeadlightDiffuse, Vector3 Direction, Vector3 Diffuse);
