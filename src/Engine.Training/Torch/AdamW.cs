using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), for Float32 parameters:
/// <c>p *= 1 − lr·wd; m = β₁m + (1−β₁)g; v = β₂v + (1−β₂)g²; p −= lr/(1−β₁ᵏ) · m/(√v/√(1−β₂ᵏ) + ε)</c>, with k the number of steps that the
/// parameter has taken. Decay applies to every parameter given. One pass over memory a step; a parameter without a gradient is left alone.
/// </summary>
public sealed unsafe class AdamW : IDisposable
{
    private readonly HandleList _parameters, _expAvg, _expAvgSq;
    private readonly long[] _steps;
    private readonly double _beta1, _beta2, _epsilon, _weightDecay;

    /// <summary>An optimizer at step 0.</summary>
    /// <param name="parameters">What to train, Float32 leaves; the optimizer does not own them.</param>
    /// <param name="learningRate">Step size; may be changed between steps.</param>
    /// <param name="beta1">Decay of the mean of gradients, in [0, 1).</param>
    /// <param name="beta2">Decay of the mean of squared gradients, in [0, 1).</param>
    /// <param name="epsilon">Added to the root, above 0.</param>
    /// <param name="weightDecay">Decay as a multiple of the learning rate, at least 0.</param>
    /// <exception cref="ArgumentException">A parameter is not Float32, or appears twice.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public AdamW(IReadOnlyList<Tensor> parameters, double learningRate, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0.01)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(learningRate);
        CheckBeta(beta1, nameof(beta1));
        CheckBeta(beta2, nameof(beta2));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(epsilon);
        ArgumentOutOfRangeException.ThrowIfNegative(weightDecay);
        foreach (Tensor parameter in parameters)
        {
            if (parameter.DType != ScalarType.Float32)
                throw new ArgumentException($"AdamW trains Float32 parameters, got {TensorDescription.Of(parameter)}", nameof(parameters));
        }

        if (parameters.Distinct().Count() != parameters.Count) throw new ArgumentException("a parameter appears twice", nameof(parameters));
        LearningRate = learningRate;
        (_beta1, _beta2, _epsilon, _weightDecay) = (beta1, beta2, epsilon, weightDecay);
        _parameters = new HandleList(parameters);
        _expAvg = new HandleList([.. parameters.Select(Moment)]);
        _expAvgSq = new HandleList([.. parameters.Select(Moment)]);
        _steps = GC.AllocateArray<long>(Math.Max(1, parameters.Count), pinned: true);
    }

    /// <summary>Step size of the next <see cref="Step"/>.</summary>
    public double LearningRate { get; set; }

    /// <summary>Takes one step with the gradients that the parameters hold.</summary>
    /// <exception cref="TorchException">A gradient does not fit its parameter.</exception>
    public void Step()
    {
        var options = new TorchNative.AdamWOptions
        {
            LearningRate = LearningRate,
            Beta1 = _beta1,
            Beta2 = _beta2,
            Epsilon = _epsilon,
            WeightDecay = _weightDecay,
        };
        fixed (long* steps = _steps)
        {
            int status = TorchNative.eng_torch_adamw(
                options, _parameters.Refresh(), _expAvg.Refresh(), _expAvgSq.Refresh(), steps, _parameters.Count);
            if (status != 0) throw new TorchException($"AdamW: {TorchNative.LastError()}");
        }

        GC.KeepAlive(this);
    }

    /// <summary>Drops the gradients of all parameters.</summary>
    public void ZeroGrad()
    {
        if (TorchNative.eng_torch_clear_grads(_parameters.Refresh(), _parameters.Count) != 0)
            throw new TorchException($"ZeroGrad: {TorchNative.LastError()}");
        GC.KeepAlive(this);
    }

    /// <summary>
    /// What exact resuming needs: <c>step</c> (Int64, one number a parameter), <c>exp_avg.{i}</c> and <c>exp_avg_sq.{i}</c> of the i-th parameter.
    /// The moments are the tensors themselves, not copies; <c>step</c> is a copy.
    /// </summary>
    public Dictionary<string, Tensor> StateDict()
    {
        using var host = new DeviceScope(TorchDevice.Cpu);
        var state = new Dictionary<string, Tensor> { ["step"] = Tensor.FromSpan(_steps.AsSpan(0, _parameters.Count), _parameters.Count) };
        for (int i = 0; i < _parameters.Count; i++)
        {
            state[$"exp_avg.{i}"] = _expAvg.Tensors[i];
            state[$"exp_avg_sq.{i}"] = _expAvgSq.Tensors[i];
        }

        return state;
    }

    /// <summary>Takes over a state that <see cref="StateDict"/> gave.</summary>
    /// <exception cref="ArgumentException">It is of other parameters; the message lists what differs. Nothing has been changed.</exception>
    public void LoadStateDict(IReadOnlyDictionary<string, Tensor> state)
    {
        Dictionary<string, Tensor> own = StateDict();
        using Tensor step = own["step"];
        StateLoader.Load(own, state, nameof(AdamW));
        step.ToInt64Array().CopyTo(_steps, 0);
    }

    /// <summary>Disposes of the moments; the parameters stay.</summary>
    public void Dispose()
    {
        foreach (Tensor tensor in _expAvg.Tensors) tensor.Dispose();
        foreach (Tensor tensor in _expAvgSq.Tensors) tensor.Dispose();
    }

    private static Tensor Moment(Tensor parameter)
    {
        using var noGrad = new NoGrad();
        return Tensor.ZerosLike(parameter).LeaveScope();
    }

    private static void CheckBeta(double beta, string name)
    {
        if (beta is not (>= 0 and < 1)) throw new ArgumentOutOfRangeException(name, beta, "expected a number in [0, 1)");
    }
}
