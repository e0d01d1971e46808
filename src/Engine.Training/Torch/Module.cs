using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>
/// A part of a model with weights. A derived class registers its parameters, buffers and children in its constructor, under the names
/// that they have in a checkpoint; the name of a child's parameter is <c>child.parameter</c>. The module owns the tensors: they belong to
/// no <see cref="TensorScope"/> and live until the module is disposed of.
/// </summary>
public abstract class Module : IDisposable
{
    // One list, so that the order of the names is the order of registration.
    private readonly List<(string Name, Tensor? Parameter, Tensor? Buffer, Module? Child)> _members = [];

    /// <summary>Where the weights are: the device of the <see cref="DeviceScope"/> that the module was made in.</summary>
    public TorchDevice Device => NamedParameters().Concat(NamedBuffers()).Select(pair => pair.Value.Device).FirstOrDefault();

    /// <summary>Number of trainable and frozen parameters' elements; buffers do not count.</summary>
    public long ParameterCount => Parameters().Sum(parameter => parameter.NumElements);

    /// <summary>Every parameter with its dotted name, in the order of registration. A parameter under two names appears under both.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> NamedParameters()
    {
        foreach (var (name, parameter, _, child) in _members)
        {
            if (parameter is not null) yield return new(name, parameter);
            if (child is null) continue;
            foreach (var (inner, tensor) in child.NamedParameters()) yield return new($"{name}.{inner}", tensor);
        }
    }

    /// <summary>Every buffer (saved, not trained) with its dotted name, in the order of registration.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> NamedBuffers()
    {
        foreach (var (name, _, buffer, child) in _members)
        {
            if (buffer is not null) yield return new(name, buffer);
            if (child is null) continue;
            foreach (var (inner, tensor) in child.NamedBuffers()) yield return new($"{name}.{inner}", tensor);
        }
    }

    /// <summary>Every parameter once, in the order of registration.</summary>
    public Tensor[] Parameters() => [.. NamedParameters().Select(pair => pair.Value).Distinct()];

    /// <summary>Parameters and buffers by name: the tensors themselves, not copies.</summary>
    public Dictionary<string, Tensor> StateDict()
    {
        var state = new Dictionary<string, Tensor>();
        foreach (var (name, tensor) in NamedParameters()) state.Add(name, tensor);
        foreach (var (name, tensor) in NamedBuffers()) state.Add(name, tensor);
        return state;
    }

    /// <summary>Copies values into the parameters and buffers.</summary>
    /// <param name="state">Exactly the names and shapes of <see cref="StateDict"/>; the element type may differ.</param>
    /// <exception cref="ArgumentException">Names are missing, unknown, or of another shape; the message lists them. Nothing has been copied.</exception>
    public void LoadStateDict(IReadOnlyDictionary<string, Tensor> state) => StateLoader.Load(StateDict(), state, GetType().Name);

    /// <summary>Copies all values of a module of the same structure.</summary>
    /// <exception cref="ArgumentException">The structures differ.</exception>
    public void CopyFrom(Module other) => LoadStateDict(other.StateDict());

    /// <summary>Freezes (false) or thaws (true) every parameter.</summary>
    public void SetRequiresGrad(bool on)
    {
        foreach (Tensor parameter in Parameters()) parameter.RequiresGrad = on;
    }

    /// <summary>Disposes of the parameters, the buffers and the children.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Registers a trained tensor and returns it; from now on the module owns it.</summary>
    /// <exception cref="ArgumentException">The name is empty or taken.</exception>
    protected Tensor Parameter(string name, Tensor initial)
    {
        Register(name);
        initial.LeaveScope().RequiresGrad = true;
        _members.Add((name, initial, null, null));
        return initial;
    }

    /// <summary>Registers a tensor that is saved with the module but not trained, and returns it; from now on the module owns it.</summary>
    /// <exception cref="ArgumentException">The name is empty or taken.</exception>
    protected Tensor Buffer(string name, Tensor initial)
    {
        Register(name);
        _members.Add((name, null, initial.LeaveScope(), null));
        return initial;
    }

    /// <summary>Registers a module within this one and returns it; from now on this module owns it.</summary>
    /// <exception cref="ArgumentException">The name is empty or taken.</exception>
    protected T Child<T>(string name, T module) where T : Module
    {
        Register(name);
        _members.Add((name, null, null, module));
        return module;
    }

    /// <summary>Disposes of what the module owns.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing) return;
        foreach (var (_, parameter, buffer, child) in _members)
        {
            parameter?.Dispose();
            buffer?.Dispose();
            child?.Dispose();
        }
    }

    private void Register(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (_members.Exists(member => member.Name == name))
            throw new ArgumentException($"{GetType().Name} has a member named {name} already", nameof(name));
    }
}
