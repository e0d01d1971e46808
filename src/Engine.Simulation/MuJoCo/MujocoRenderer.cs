using System.Runtime.InteropServices;
using Engine.Simulation.Interop;

namespace Engine.Simulation.MuJoCo;

/// <summary>
/// Draws simulations off-screen: EGL without a surface, or OSMesa where there is no EGL (<c>ENGINE_GL</c> forces one). Holds one GL context, bound to the thread that made it:
/// drawing and disposing happen there. It draws data of any model with the same textures as the one it was made for.
/// </summary>
public sealed unsafe class MujocoRenderer : IDisposable
{
    private readonly MujocoRendererHandle _handle;

    /// <summary>Makes a GL context on the calling thread.</summary>
    /// <param name="model">The model whose textures are loaded.</param>
    /// <param name="maxHeight">Height of the largest image (pixels).</param>
    /// <param name="maxWidth">Width of the largest image (pixels).</param>
    /// <param name="supersample">Each pixel is the mean of supersample² drawn ones, 1 to 4.</param>
    /// <exception cref="MujocoException">No off-screen GL; the message says what to install.</exception>
    public MujocoRenderer(MujocoModel model, int maxHeight, int maxWidth, int supersample)
    {
        Backend = Select();
        MujocoLibrary.Check(MujocoNative.RendererCreate(model.Handle, maxHeight, maxWidth, supersample, out _handle));
    }

    /// <summary>How off-screen pictures are drawn in this process: <c>EGL</c> or <c>OSMesa</c>.</summary>
    public string Backend { get; }

    /// <summary>GL renderer and version in words.</summary>
    public string Description
    {
        get
        {
            byte* text = stackalloc byte[512];
            MujocoLibrary.Check(MujocoNative.RendererInfo(_handle, text, 512));
            return Marshal.PtrToStringUTF8((nint)text) ?? "";
        }
    }

    /// <summary>Draws several cameras of one simulation into u8 [cameras, height, width, 3], top-left origin.</summary>
    /// <exception cref="MujocoException">A camera, the size or the destination does not fit.</exception>
    public void Draw(MujocoData data, SceneLook? look, ReadOnlySpan<int> cameras, int height, int width, Span<byte> images)
    {
        look ??= Plain;
        fixed (GeomLook* geoms = look.Geoms)
        fixed (CameraLook* cameraLooks = look.Cameras)
        fixed (int* cameraIds = cameras)
        fixed (byte* rgb = images)
        {
            var native = new MujocoNative.Look
            {
                Geoms = geoms,
                Cameras = cameraLooks,
                GeomCount = look.Geoms.Length,
                CameraCount = look.Cameras.Length,
                Light = look.Light,
            };
            MujocoLibrary.Check(MujocoNative.RendererDraw(
                _handle, data.Handle, &native, cameraIds, cameras.Length, height, width, rgb, images.Length));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private static readonly SceneLook Plain = new();

    private static string Select()
    {
        string? wanted = Environment.GetEnvironmentVariable("ENGINE_GL");
        int backend = wanted switch
        {
            null or "" or "auto" => 0,
            "egl" => 1,
            "osmesa" => 2,
            _ => throw new ArgumentException($"ENGINE_GL is '{wanted}'; possible are auto, egl and osmesa."),
        };
        MujocoLibrary.Check(MujocoNative.GlSelect(backend, out int selected));
        return selected == 1 ? "EGL" : "OSMesa";
    }
}
