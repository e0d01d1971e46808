using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Interop;
using Engine.Kernels.Ops.Activation;

namespace Engine.Kernels.Ops.Gemm;

/// <summary>
/// Products by NVIDIA's cuBLASLt where the user has it: y = f(x·Wᵀ + b) with f none or GELU. What it has no algorithm for is left to Gemm.cu, and
/// listed in <see cref="Refused"/>. Algorithms are asked for once for each shape. For the thread of its stream only.
/// </summary>
public sealed unsafe class CublasLtGemm : IDisposable
{
    /// <summary>Workspace that algorithms may take: what NVIDIA advises for Hopper.</summary>
    private const int WorkspaceBytes = 32 << 20;

    // Numbers of cublas_api.h, library_types.h and cublasLt.h.
    private const int Compute32F = 68, Real32F = 0, RealBfloat16 = 14, RealHalf = 2, Transpose = 1;
    private const int AttributeTransposeA = 3, AttributeEpilogue = 7, AttributeBias = 8, AttributeBiasType = 26, PreferenceWorkspace = 1, PreferenceAlignmentA = 5, Matrices = 4;
    private const int EpilogueNone = 1, EpilogueBias = 4, EpilogueGelu = 32;

    private readonly CublasLtLibrary _library;
    private readonly CudaHandle _handle, _preference;
    private readonly DeviceBuffer<byte> _workspace;
    private readonly Dictionary<Key, Product?> _products = [];
    private readonly List<string> _refused = [];

    private CublasLtGemm(CublasLtLibrary library, CudaStream stream)
    {
        _library = library;
        _ = stream.Context.Current();
        nint handle = 0, preference = 0;
        Require(library.Create(&handle), "cublasLtCreate");
        _handle = new CudaHandle(handle, value => library.Destroy(value));
        Require(library.PreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
        _preference = new CudaHandle(preference, value => library.PreferenceDestroy(value));
        ulong bytes = WorkspaceBytes;
        Require(library.PreferenceSet(preference, PreferenceWorkspace, &bytes, sizeof(ulong)), "cublasLtMatmulPreferenceSetAttribute");
        _workspace = stream.Allocate<byte>(WorkspaceBytes);
        Version = (long)library.GetVersion();
    }

    /// <summary>The library's own number, e.g. 120304.</summary>
    public long Version { get; }

    /// <summary>Where the library was found.</summary>
    public string Path => _library.Path;

    /// <summary>Products that it had no algorithm for, with the reason; Gemm.cu computes them.</summary>
    public IReadOnlyList<string> Refused => _refused;

    /// <summary>Loads cuBLASLt for a stream's device; null, with the reason for <c>doctor</c>, where there is none.</summary>
    /// <param name="stream">Products are in its order; 32 MiB of workspace are allocated on it.</param>
    /// <param name="path">The library's file, or null for the loader's own search.</param>
    /// <param name="reason">Why there is none; empty where there is one.</param>
    public static CublasLtGemm? TryCreate(CudaStream stream, string? path, out string reason)
    {
        if (CublasLtLibrary.TryLoad(path, out reason) is not { } library) return null;
        reason = "";
        return new CublasLtGemm(library, stream);
    }

    /// <summary>Computes the product, or returns false where the library has no algorithm for it. Arguments were checked by <see cref="Gemm"/>.</summary>
    internal bool TryMultiply(CudaStream stream, ulong x, int rows, CudaLinear linear, ulong y, bool bfloat16, ActivationFunction activation)
    {
        if (rows == 0) return true;
        // e4m3 has a scale for each row and column here, which the library does not know of.
        if (activation is not (ActivationFunction.None or ActivationFunction.GeluTanh) || linear.Input == GemmInput.Float8) return false;
        int alignment = Alignment(linear.Weight | x | y, 256), bias = linear.Bias.Length == 0 ? 0 : Alignment(linear.Bias.Address, 16);
        var key = new Key(rows, linear.Inputs, linear.Outputs, linear.Input, bfloat16, activation, alignment, bias);
        _ = stream.Context.Current();
        if (!_products.TryGetValue(key, out Product? product)) _products.Add(key, product = Ask(key));
        if (product is null) return false;
        if (stream.IsRehearsing) return true;
        if (bias != 0) SetBias(product.Description.Value, linear.Bias.Address);
        float scale = 1, zero = 0;
        CublasLtLibrary.Algorithm algorithm = product.Algorithm;
        int status = _library.Matmul(
            _handle.Value, product.Description.Value, &scale, linear.Weight, product.Weight!.Value, x, product.X!.Value, &zero, y, product.Y!.Value, y, product.Y.Value,
            &algorithm, _workspace.Span.Address, WorkspaceBytes, stream.Handle);
        Require(status, $"cublasLtMatmul of {key}");
        return true;
    }

    /// <summary>Frees the workspace in the order of the stream, and the handle.</summary>
    public void Dispose()
    {
        foreach (Product? product in _products.Values) product?.Dispose();
        _products.Clear();
        _workspace.Dispose();
        _preference.Dispose();
        _handle.Dispose();
    }

    /// <summary>
    /// The library stores matrices by columns: our row-major y [rows, outputs] is its [outputs, rows], and so yᵀ = W·xᵀ, with W [outputs, inputs] read as the
    /// transpose of its [inputs, outputs].
    /// </summary>
    private Product? Ask(Key key)
    {
        int stored = key.Input switch { GemmInput.Bfloat16 => RealBfloat16, GemmInput.Half => RealHalf, _ => Real32F };
        nint handle = 0;
        Require(_library.DescriptionCreate(&handle, Compute32F, Real32F), "cublasLtMatmulDescCreate");
        var product = new Product { Description = new CudaHandle(handle, value => _library.DescriptionDestroy(value)) };
        bool kept = false;
        try
        {
            int epilogue = (key.Bias == 0 ? 0 : EpilogueBias) | (key.Activation == ActivationFunction.GeluTanh ? EpilogueGelu : 0);
            Set(handle, AttributeTransposeA, Transpose);
            Set(handle, AttributeEpilogue, epilogue == 0 ? EpilogueNone : epilogue);
            if (key.Bias != 0)
            {
                // Only its alignment is looked at.
                SetBias(handle, (ulong)key.Bias);
                Set(handle, AttributeBiasType, Real32F);
            }

            int alignment = key.Alignment;
            for (int matrix = 0; matrix < Matrices; matrix++)
                Require(_library.PreferenceSet(_preference.Value, PreferenceAlignmentA + matrix, &alignment, sizeof(int)), "cublasLtMatmulPreferenceSetAttribute");

            product.Weight = Layout(stored, key.Inputs, key.Outputs);
            product.X = Layout(stored, key.Inputs, key.Rows);
            product.Y = Layout(key.Bfloat16 ? RealBfloat16 : Real32F, key.Outputs, key.Rows);
            CublasLtLibrary.HeuristicResult result;
            int found = 0;
            int status = _library.GetHeuristic(
                _handle.Value, handle, product.Weight.Value, product.X.Value, product.Y.Value, product.Y.Value, _preference.Value, 1, &result, &found);
            if (status != 0 || found == 0 || result.State != 0)
            {
                _refused.Add($"{key}: {(status != 0 || found == 0 ? _library.StatusText(status) : _library.StatusText(result.State))}");
                return null;
            }

            product.Algorithm = result.Algorithm;
            kept = true;
            return product;
        }
        finally
        {
            if (!kept) product.Dispose();
        }
    }

    private void Set(nint description, int attribute, int value) =>
        Require(_library.DescriptionSet(description, attribute, &value, sizeof(int)), "cublasLtMatmulDescSetAttribute");

    private void SetBias(nint description, ulong address) =>
        Require(_library.DescriptionSet(description, AttributeBias, &address, sizeof(ulong)), "cublasLtMatmulDescSetAttribute");

    /// <summary>The greatest power of two up to <paramref name="most"/> that divides an address.</summary>
    private static int Alignment(ulong address, int most) => 1 << Math.Min(System.Numerics.BitOperations.TrailingZeroCount(address), System.Numerics.BitOperations.Log2((uint)most));

    private CudaHandle Layout(int type, int rows, int columns)
    {
        nint handle = 0;
        Require(_library.LayoutCreate(&handle, type, (ulong)rows, (ulong)columns, rows), "cublasLtMatrixLayoutCreate");
        return new CudaHandle(handle, value => _library.LayoutDestroy(value));
    }

    private void Require(int status, string call)
    {
        if (status != 0) throw new CudaException(call.Split(' ')[0], status, $"{call}: {_library.StatusText(status)}");
    }

    /// <summary>What an algorithm is asked for: shapes, types, what follows, and the alignments of the matrices and of the bias in bytes (0: there is none).</summary>
    private readonly record struct Key(int Rows, int Inputs, int Outputs, GemmInput Input, bool Bfloat16, ActivationFunction Activation, int Alignment, int Bias)
    {
        public override string ToString() =>
            $"[{Rows}, {Inputs}] · [{Outputs}, {Inputs}]ᵀ in {Input} to {(Bfloat16 ? "bfloat16" : "float32")}{(Bias == 0 ? "" : " with bias")}{(Activation == ActivationFunction.None ? "" : $" and {Activation}")}";
    }

    private sealed class Product : IDisposable
    {
        public required CudaHandle Description { get; init; }

        public CudaHandle? Weight { get; set; }

        public CudaHandle? X { get; set; }

        public CudaHandle? Y { get; set; }

        public CublasLtLibrary.Algorithm Algorithm { get; set; }

        public void Dispose()
        {
            Description.Dispose();
            Weight?.Dispose();
            X?.Dispose();
            Y?.Dispose();
        }
    }
}
