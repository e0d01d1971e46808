namespace Engine.Bench;

/// <summary>Implemented by benchmarks that know how many floating-point operations one call takes.</summary>
public interface ICountsFlops
{
    /// <summary>Operations of one call with the parameters that are set now.</summary>
    double Flops { get; }
}
