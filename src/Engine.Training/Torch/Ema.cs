using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>
/// A running mean of a model's weights: <c>ema = d·ema + (1−d)·p</c> after each optimizer step. It starts as a copy. With warm-up
/// d = min(decay, (1+k)/(10+k)) at update k = 1, 2, …, so that early weights are forgotten soon. Buffers are copied as they are.
/// </summary>
public sealed unsafe class Ema : IDisposable
{
    private readonly Dictionary<string, Tensor> _average = [];
    private readonly HandleList _averages, _sources;
    private readonly List<(Tensor Average, Tensor Source)> _buffers = [];
    private readonly double _decay;
    private readonly bool _warmup;

    /// <summary>A copy of the weights as they are.</summary>
    /// <param name="model">The model to follow; it is not owned. Parameters are Float32.</param>
    /// <param name="decay">Weight of the past, in [0, 1).</param>
    /// <param name="warmup">Whether the decay grows to its value.</param>
    /// <exception cref="ArgumentOutOfRangeException">decay is out of its range.</exception>
    public Ema(Module model, double decay, bool warmup)
    {
        if (decay is not (>= 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(decay), decay, "expected a number in [0, 1)");
        (_decay, _warmup) = (decay, warmup);
        var averages = new List<Tensor>();
        var sources = new List<Tensor>();
        foreach (var (name, parameter) in model.NamedParameters())
        {
            Tensor copy = Copy(parameter);
            _average.Add(name, copy);
            averages.Add(copy);
            sources.Add(parameter);
        }

        foreach (var (name, buffer) in model.NamedBuffers())
        {
            Tensor copy = Copy(buffer);
            _average.Add(name, copy);
            _buffers.Add((copy, buffer));
        }

        _averages = new HandleList(averages);
        _sources = new HandleList(sources);
    }

    /// <summary>Number of updates so far; to be restored with the weights where warm-up is on.</summary>
    public long Updates { get; set; }

    /// <summary>Takes the model's present weights into the mean.</summary>
    public void Update()
    {
        Updates++;
        double decay = _warmup ? Math.Min(_decay, (1.0 + Updates) / (10.0 + Updates)) : _decay;
        if (TorchNative.eng_torch_ema(decay, _averages.Refresh(), _sources.Refresh(), _averages.Count) != 0)
            throw new TorchException($"EMA: {TorchNative.LastError()}");
        using var noGrad = new NoGrad();
        foreach (var (average, source) in _buffers) average.CopyInPlace(source);
        GC.KeepAlive(this);
    }

    /// <summary>The mean, under the names of the model's <see cref="Module.StateDict"/>: the tensors themselves, not copies.</summary>
    public IReadOnlyDictionary<string, Tensor> StateDict() => _average;

    /// <summary>Replaces the mean.</summary>
    /// <exception cref="ArgumentException">Names or shapes differ; the message lists them.</exception>
    public void Load(IReadOnlyDictionary<string, Tensor> state) => StateLoader.Load(_average, state, nameof(Ema));

    /// <summary>Writes the mean into a model of the same structure.</summary>
    public void CopyTo(Module model) => model.LoadStateDict(_average);

    /// <summary>Disposes of the mean; the model stays.</summary>
    public void Dispose()
    {
        foreach (Tensor tensor in _average.Values) tensor.Dispose();
    }

    private static Tensor Copy(Tensor tensor)
    {
        using var noGrad = new NoGrad();
        return tensor.Clone().LeaveScope();
    }
}
