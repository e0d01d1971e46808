using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>Buffers in which the requests of several sessions are one batch.</summary>
internal sealed class MergedBatch
{
    private readonly Dictionary<string, byte[]> _images;

    internal MergedBatch(PolicyContract contract, int count)
    {
        _images = contract.Cameras.ToDictionary(c => c.Name, c => new byte[count * c.Bytes]);
        Observations = ObservationReader.NewBatch(contract, count);
        foreach (var (camera, images) in _images) Observations.Images[camera] = images;
        Actions = new float[count * contract.ActionHorizon * contract.ActionNames.Length];
        Uniforms = new float[Actions.Length];
    }

    internal ObservationBatch Observations { get; }

    internal float[] Actions { get; }

    internal float[] Uniforms { get; }

    internal void Take(InferenceRequest request, int place)
    {
        Observations.Instructions[place] = request.Observation.Instructions[0];
        foreach (var (camera, image) in request.Observation.Images) image.Span.CopyTo(_images[camera].AsSpan(place * image.Length));
        request.Observation.States.CopyTo(Observations.States, place * request.Observation.States.Length);
        request.Uniforms.CopyTo(Uniforms, place * request.Uniforms.Length);
    }
}
