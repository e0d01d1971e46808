namespace Engine.Kernels.Ops.Activation;

/// <summary>An elementwise function.</summary>
public enum ActivationFunction
{
    /// <summary>x.</summary>
    None,

    /// <summary>The tanh form of GELU: ½x(1 + tanh(√(2/π)(x + 0.044715x³))).</summary>
    GeluTanh,

    /// <summary>x·σ(x).</summary>
    Silu,

    /// <summary>e^x; arguments are clamped to [−86, 88.37].</summary>
    Exp,

    /// <summary>tanh x.</summary>
    Tanh,
}
