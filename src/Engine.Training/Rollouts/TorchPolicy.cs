using Engine.Runtime.Contract;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Rollouts;

/// <summary>Runs a <see cref="VlaPolicy"/> in libtorch, on its device, for rollouts during training. Owns neither the network nor the contract.</summary>
public sealed class TorchPolicy(VlaPolicy network, PolicyContract contract) : IPolicy
{
    private readonly PolicyEncoding _encoding = new(contract);

    public PolicyContract Contract => contract;

    public void Act(ObservationBatch observations, Span<float> actions, float temperature = 0, ReadOnlySpan<float> uniforms = default)
    {
        var camera = contract.Cameras[0];
        if (!observations.Images.TryGetValue(camera.Name, out var images))
            throw new ArgumentException($"The observation has no camera '{camera.Name}'.", nameof(observations));
        if (images.Length != observations.Count * camera.Bytes)
            throw new ArgumentException($"Camera '{camera.Name}' has {images.Length} bytes; expected {observations.Count}×{camera.Bytes}.", nameof(observations));
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        using var device = new DeviceScope(network.Device);
        var states = (float[])observations.States.Clone();
        int width = contract.StateNames.Length;
        var tokens = new long[observations.Count * contract.MaxWords];
        for (int i = 0; i < observations.Count; i++)
        {
            _encoding.NormaliseState(states.AsSpan(i * width, width));
            _encoding.Tokenise(observations.Instructions[i]).CopyTo(tokens, i * contract.MaxWords);
        }

        var (classes, _) = network.Act(
            ImageBatch.FromBytes(images.Span, camera.Height, camera.Width), Tensor.FromSpan(tokens, observations.Count, contract.MaxWords),
            Tensor.FromSpan(states, observations.Count, width), temperature, uniforms);
        _encoding.Decode(classes.ToInt64Array(), actions);
    }

    public void Dispose()
    {
    }
}
