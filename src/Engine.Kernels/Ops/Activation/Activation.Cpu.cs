using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.Activation;

public static unsafe partial class Activation
{
    private static void ApplyVector<TVector, TLanes>(ActivationFunction function, ReadOnlySpan<float> source, Span<float> destination)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        fixed (float* from = source, to = destination)
        {
            int whole = source.Length / TLanes.Count * TLanes.Count;
            Run<TVector, TLanes>(function, from, to, whole);
            if (whole == source.Length) return;
            float* rest = stackalloc float[TLanes.Count];
            new ReadOnlySpan<float>(from + whole, source.Length - whole).CopyTo(new Span<float>(rest, TLanes.Count));
            Run<TVector, TLanes>(function, rest, rest, TLanes.Count);
            new ReadOnlySpan<float>(rest, source.Length - whole).CopyTo(destination[whole..]);
        }
    }

    /// <summary>Whole vectors only: <paramref name="length"/> is a multiple of the lane count.</summary>
    internal static void Run<TVector, TLanes>(ActivationFunction function, float* from, float* to, int length)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        switch (function)
        {
            case ActivationFunction.GeluTanh:
                RunGelu<TVector, TLanes>(from, to, length);
                break;
            case ActivationFunction.Silu:
                RunSilu<TVector, TLanes>(from, to, length);
                break;
            case ActivationFunction.Exp:
                RunExp<TVector, TLanes>(from, to, length);
                break;
            case ActivationFunction.Tanh:
                RunTanh<TVector, TLanes>(from, to, length);
                break;
            case ActivationFunction.None:
                if (from != to) Unsafe.CopyBlockUnaligned(to, from, (uint)length * sizeof(float));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(function), function, "Not an activation function.");
        }
    }

    // One method each: together they would exceed what the compiler is willing to inline.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunGelu<TVector, TLanes>(float* from, float* to, int length)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        for (int i = 0; i < length; i += TLanes.Count) TLanes.Store(VectorMath<TVector, TLanes>.Gelu(TLanes.Load(from + i)), to + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunSilu<TVector, TLanes>(float* from, float* to, int length)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        for (int i = 0; i < length; i += TLanes.Count) TLanes.Store(VectorMath<TVector, TLanes>.Silu(TLanes.Load(from + i)), to + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunExp<TVector, TLanes>(float* from, float* to, int length)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        for (int i = 0; i < length; i += TLanes.Count) TLanes.Store(VectorMath<TVector, TLanes>.Exp(TLanes.Load(from + i)), to + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunTanh<TVector, TLanes>(float* from, float* to, int length)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        for (int i = 0; i < length; i += TLanes.Count) TLanes.Store(VectorMath<TVector, TLanes>.Tanh(TLanes.Load(from + i)), to + i);
    }
}
