using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Engine.Kernels.Interop;

namespace Engine.Training.Interop;

/// <summary>The C ABI of <c>libeng_torch.so</c>; see <c>native/torch/eng_torch.h</c>, whose names these are.</summary>
internal static unsafe partial class TorchNative
{
    public const int AbiVersion = 3;
    public const string Library = "eng_torch";

#pragma warning disable CA2255 // A resolver can only be set once per assembly, before its first native call.
    [ModuleInitializer]
    internal static void SetResolver() => NativeLibraryLocator.ServeImports(typeof(TorchNative).Assembly, Library);
#pragma warning restore CA2255

    [LibraryImport(Library)]
    public static partial int eng_torch_abi_version();

    [LibraryImport(Library)]
    public static partial nint eng_torch_version();

    [LibraryImport(Library)]
    public static partial nint eng_torch_last_error();

    [LibraryImport(Library)]
    public static partial int eng_torch_set_threads(int count);

    [LibraryImport(Library)]
    public static partial int eng_torch_threads();

    [LibraryImport(Library)]
    public static partial int eng_torch_cuda(out int built, out int count);

    [LibraryImport(Library)]
    public static partial int eng_torch_synchronize(int device);

    [LibraryImport(Library)]
    public static partial int eng_torch_set_own_kernels(int on);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int eng_torch_operator(string name, string overload, out nint op);

    [LibraryImport(Library)]
    public static partial int eng_torch_call(nint op, TorchValue* arguments, int count, TorchValue* results, int capacity, int* resultCount);

    [LibraryImport(Library)]
    public static partial void eng_torch_free_list(nint list);

    [LibraryImport(Library)]
    public static partial int eng_torch_from_data(void* data, long* sizes, int dim, int dtype, int device, out nint tensor);

    [LibraryImport(Library)]
    public static partial int eng_torch_from_memory(nint memory, long* sizes, int dim, int dtype, int device, out nint tensor);

    [LibraryImport(Library)]
    public static partial int eng_torch_full(double value, long* sizes, int dim, int dtype, int device, out nint tensor);

    [LibraryImport(Library)]
    public static partial int eng_torch_copy_out(nint tensor, int dtype, void* destination, long count);

    [LibraryImport(Library)]
    public static partial int eng_torch_contiguous(nint tensor, int channelsLast, out nint result);

    [LibraryImport(Library)]
    public static partial int eng_torch_to(nint tensor, int dtype, out nint result);

    [LibraryImport(Library)]
    public static partial int eng_torch_to_device(nint tensor, int device, out nint result);

    [LibraryImport(Library)]
    public static partial int eng_torch_item(nint tensor, out double value);

    [LibraryImport(Library)]
    public static partial int eng_torch_data(nint tensor, out nint data, out int isContiguous);

    [LibraryImport(Library)]
    public static partial void eng_torch_release(nint tensor);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial int eng_torch_dim(nint tensor);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial long eng_torch_numel(nint tensor);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial int eng_torch_dtype(nint tensor);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial int eng_torch_device(nint tensor);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial void eng_torch_sizes(nint tensor, long* sizes);

    [LibraryImport(Library), SuppressGCTransition]
    public static partial int eng_torch_requires_grad(nint tensor);

    [LibraryImport(Library)]
    public static partial int eng_torch_set_requires_grad(nint tensor, int on);

    [LibraryImport(Library)]
    public static partial int eng_torch_grad(nint tensor, out nint grad);

    [LibraryImport(Library)]
    public static partial int eng_torch_clear_grad(nint tensor);

    [LibraryImport(Library)]
    public static partial int eng_torch_backward(nint tensor, nint gradient);

    [LibraryImport(Library)]
    public static partial int eng_torch_set_grad_mode(int on);

    [LibraryImport(Library)]
    public static partial int eng_torch_group_norm(nint input, long groups, nint weight, nint bias, double eps, out nint result);

    [LibraryImport(Library)]
    public static partial int eng_torch_adamw(in AdamWOptions options, nint* parameters, nint* expAvg, nint* expAvgSq, long* steps, int count);

    [LibraryImport(Library)]
    public static partial int eng_torch_ema(double decay, nint* average, nint* source, int count);

    [LibraryImport(Library)]
    public static partial int eng_torch_grad_norm(nint* parameters, int count, out double norm);

    [LibraryImport(Library)]
    public static partial int eng_torch_scale_grads(nint* parameters, int count, double factor);

    [LibraryImport(Library)]
    public static partial int eng_torch_clear_grads(nint* parameters, int count);

    /// <summary>The message of the last failed call on this thread.</summary>
    public static string LastError() => Marshal.PtrToStringUTF8(eng_torch_last_error()) ?? "";

    /// <summary>As <c>eng_torch_adamw_options</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct AdamWOptions
    {
        public double LearningRate, Beta1, Beta2, Epsilon, WeightDecay;
    }
}
