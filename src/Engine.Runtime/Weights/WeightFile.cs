namespace Engine.Runtime.Weights;

/// <summary>Reads weights by the file's extension.</summary>
public static class WeightFile
{
    /// <summary>All arrays of an <c>.npz</c>, <c>.safetensors</c>, <c>.pt</c> or <c>.pth</c> file by name; levels of a checkpoint are joined with <c>/</c>.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The extension is not known, or the file is not valid.</exception>
    public static Dictionary<string, NamedArray> Read(string path) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".npz" => Npz.Read(path),
        ".safetensors" => SafeTensors.Read(path),
        ".pt" or ".pth" => new Dictionary<string, NamedArray>(TorchCheckpoint.Read(path).Tensors),
        var other => throw new InvalidDataException($"{path}: the extension '{other}' is not known; weights are .npz, .safetensors or .pt"),
    };
}
