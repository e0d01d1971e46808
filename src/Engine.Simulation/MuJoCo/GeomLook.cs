using System.Runtime.InteropServices;

namespace Engine.Simulation.MuJoCo;

/// <summary>How one geom is drawn in one environment, in place of what the shared model says.</summary>
/// <param name="Geom">Geom id.</param>
/// <param name="Texture">Texture id; −1 for none, <see cref="KeepTexture"/> for the model's.</param>
/// <param name="Red">Red in [0, 1]; negative keeps the model's colour.</param>
/// <param name="Green">Green in [0, 1].</param>
/// <param name="Blue">Blue in [0, 1].</param>
/// <param name="Alpha">Opacity in [0, 1].</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct GeomLook(int Geom, int Texture, float Red, float Green, float Blue, float Alpha = 1f)
{
    /// <summary>Keeps the model's texture.</summary>
    public const int KeepTexture = -2;
}
