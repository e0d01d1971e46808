using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Engine.Kernels.Interop;

namespace Engine.Simulation.Interop;

/// <summary>The C ABI of <c>libeng_mujoco.so</c> (native/mujoco/eng_mujoco.h).</summary>
internal static unsafe partial class MujocoNative
{
    public const int AbiVersion = 1;
    private const string Library = "eng_mujoco";

#pragma warning disable CA2255 // A resolver can only be set once per assembly, before its first native call.
    [ModuleInitializer]
    internal static void SetResolver() => NativeLibraryLocator.ServeImports(typeof(MujocoNative).Assembly, Library);
#pragma warning restore CA2255

    [StructLayout(LayoutKind.Sequential)]
    public struct Sizes
    {
        public int Nq, Nv, Nu, Nbody, Ngeom, Nsite, Ncam, Ntex;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct View
    {
        public double* Time, Qpos, Qvel, Ctrl, QfrcApplied, QfrcBias, Xpos, Xquat, SiteXpos, SiteXmat;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Look
    {
        public MuJoCo.GeomLook* Geoms;
        public MuJoCo.CameraLook* Cameras;
        public int GeomCount, CameraCount;
        public MuJoCo.LightLook Light;
    }

    [LibraryImport(Library, EntryPoint = "eng_mj_abi_version")]
    public static partial int GetAbiVersion(out int abi, out int header, out int library);

    [LibraryImport(Library, EntryPoint = "eng_mj_last_error")]
    public static partial int LastError(byte* text, int capacity);

    [LibraryImport(Library, EntryPoint = "eng_mj_live_handles")]
    public static partial int LiveHandles(out long models, out long data, out long renderers);

    [LibraryImport(Library, EntryPoint = "eng_mj_model_create")]
    public static partial int ModelCreate(byte* xml, int bytes, out MujocoModelHandle model);

    [LibraryImport(Library, EntryPoint = "eng_mj_model_destroy")]
    public static partial int ModelDestroy(nint model);

    [LibraryImport(Library, EntryPoint = "eng_mj_model_sizes")]
    public static partial int ModelSizes(MujocoModelHandle model, out Sizes sizes);

    [LibraryImport(Library, EntryPoint = "eng_mj_model_id", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ModelId(MujocoModelHandle model, int type, string name, out int id);

    [LibraryImport(Library, EntryPoint = "eng_mj_model_joint")]
    public static partial int ModelJoint(MujocoModelHandle model, int joint, out int qposAddress, out int dofAddress);

    [LibraryImport(Library, EntryPoint = "eng_mj_model_geom_body")]
    public static partial int ModelGeomBody(MujocoModelHandle model, int geom, out int body);

    [LibraryImport(Library, EntryPoint = "eng_mj_data_create")]
    public static partial int DataCreate(MujocoModelHandle model, out MujocoDataHandle data);

    [LibraryImport(Library, EntryPoint = "eng_mj_data_destroy")]
    public static partial int DataDestroy(nint data);

    [LibraryImport(Library, EntryPoint = "eng_mj_data_bytes")]
    public static partial int DataBytes(MujocoDataHandle data, out long bytes);

    [LibraryImport(Library, EntryPoint = "eng_mj_data_view")]
    public static partial int DataView(MujocoDataHandle data, out View view);

    [LibraryImport(Library, EntryPoint = "eng_mj_data_reset")]
    public static partial int DataReset(MujocoDataHandle data);

    [LibraryImport(Library, EntryPoint = "eng_mj_data_forward")]
    public static partial int DataForward(MujocoDataHandle data);

    [LibraryImport(Library, EntryPoint = "eng_mj_data_kinematics")]
    public static partial int DataKinematics(MujocoDataHandle data);

    [LibraryImport(Library, EntryPoint = "eng_mj_data_step")]
    public static partial int DataStep(MujocoDataHandle data, int steps);

    [LibraryImport(Library, EntryPoint = "eng_mj_data_site_jacobian")]
    public static partial int DataSiteJacobian(MujocoDataHandle data, int site, double* position, double* rotation, int count);

    [LibraryImport(Library, EntryPoint = "eng_mj_data_contacts")]
    public static partial int DataContacts(MujocoDataHandle data, MuJoCo.MujocoContact* contacts, int capacity, out int count);

    [LibraryImport(Library, EntryPoint = "eng_mj_gl_select")]
    public static partial int GlSelect(int backend, out int selected);

    [LibraryImport(Library, EntryPoint = "eng_mj_renderer_create")]
    public static partial int RendererCreate(MujocoModelHandle model, int maxHeight, int maxWidth, int supersample, out MujocoRendererHandle renderer);

    [LibraryImport(Library, EntryPoint = "eng_mj_renderer_destroy")]
    public static partial int RendererDestroy(nint renderer);

    [LibraryImport(Library, EntryPoint = "eng_mj_renderer_info")]
    public static partial int RendererInfo(MujocoRendererHandle renderer, byte* text, int capacity);

    [LibraryImport(Library, EntryPoint = "eng_mj_renderer_draw")]
    public static partial int RendererDraw(
        MujocoRendererHandle renderer, MujocoDataHandle data, Look* look, int* cameras, int cameraCount, int height, int width, byte* rgb, long capacity);
}
