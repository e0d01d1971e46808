namespace Engine.Kernels.Ops.Convolution;

/// <summary>
/// One dimension of a minimal filtering algorithm F(m, 3): m results of a filter of three from m + 2 products
/// (Winograd; Lavin and Gray, arXiv 1509.09308). Steps are distances between neighbouring numbers.
/// </summary>
internal unsafe interface IWinogradTile
{
    /// <summary>m.</summary>
    static abstract int Results { get; }

    /// <summary>m + 2.</summary>
    static abstract int Points { get; }

    /// <summary>Bᵀd: m + 2 registers of an image to m + 2 of its transform.</summary>
    static abstract void Input<TVector, TLanes>(float* from, nint fromStep, float* to, nint toStep)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>;

    /// <summary>Aᵀm: m + 2 registers of products to m of results.</summary>
    static abstract void Output<TVector, TLanes>(float* from, nint fromStep, float* to, nint toStep)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>;
}
