namespace Engine.Host.Benchmarks.Serving;

/// <summary>One thing that is measured of serving.</summary>
internal interface IServingLine
{
    /// <summary>Name for <c>--line</c>.</summary>
    string Name { get; }

    /// <summary>Measures it.</summary>
    /// <exception cref="OperationCanceledException">The run was interrupted.</exception>
    Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run);
}
