using System.Collections.Concurrent;

namespace Engine.Simulation.Tabletop;

/// <summary>Compiles each set of shapes once. Thread-safe.</summary>
internal sealed class SceneModelCache(bool shadows) : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<SceneModel>> _models = new(StringComparer.Ordinal);

    /// <summary>Number of models compiled so far.</summary>
    public int Count => _models.Count;

    /// <summary>The model of these shapes, in this order.</summary>
    public SceneModel Get(ObjectShape[] shapes) => _models.GetOrAdd(
        string.Join(',', shapes), static (_, state) => new Lazy<SceneModel>(() => new SceneModel(state.shapes, state.shadows)), (shapes, shadows)).Value;

    public void Dispose()
    {
        foreach (var model in _models.Values)
        {
            if (model.IsValueCreated) model.Value.Dispose();
        }

        _models.Clear();
    }
}
