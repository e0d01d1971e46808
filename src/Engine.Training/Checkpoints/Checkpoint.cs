using Engine.Runtime.Weights;
using Engine.Training.Interop;
using Engine.Training.Torch;

namespace Engine.Training.Checkpoints;

/// <summary>
/// A folder that a run can be resumed from: <c>state.json</c> and one <c>.safetensors</c> file for each part, usually <c>weights</c> and
/// <c>optimizer</c>. The folder appears whole or not at all, whenever the program or the machine stops: it is written beside its place,
/// flushed and renamed; the checkpoint that it replaces is kept under <c>{folder}.previous</c> until then, and is read where only that one is left.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    /// <summary>Name of the part that holds the model.</summary>
    public const string WeightsPart = "weights";

    /// <summary>Name of the part that holds the optimizer.</summary>
    public const string OptimizerPart = "optimizer";

    private const string StateFile = "state.json";
    private const string Extension = ".safetensors";
    private readonly Dictionary<string, Dictionary<string, Tensor>> _parts;

    private Checkpoint(string folder, Dictionary<string, Dictionary<string, Tensor>> parts)
    {
        Folder = folder;
        _parts = parts;
    }

    /// <summary>The folder that was read.</summary>
    public string Folder { get; }

    /// <summary>Names of the parts.</summary>
    public IReadOnlyCollection<string> Parts => _parts.Keys;

    /// <summary>The model's tensors by name.</summary>
    /// <exception cref="InvalidDataException">There is no such part.</exception>
    public IReadOnlyDictionary<string, Tensor> Weights => Part(WeightsPart);

    /// <summary>The optimizer's tensors by name.</summary>
    /// <exception cref="InvalidDataException">There is no such part: the checkpoint was saved for running, not for resuming.</exception>
    public IReadOnlyDictionary<string, Tensor> Optimizer => Part(OptimizerPart);

    /// <summary>Whether there is a checkpoint to load.</summary>
    public static bool Exists(string folder) => Located(folder) is not null;

    /// <summary>Writes a model, its optimizer and the state of the run, replacing the checkpoint that is there.</summary>
    /// <param name="folder">The checkpoint; the folder around it is created.</param>
    /// <param name="weights">Tensors of the model by name.</param>
    /// <param name="optimizer">Tensors of the optimizer by name, or null for a checkpoint that is not resumed.</param>
    /// <param name="state">What else the run needs, as JSON (see <see cref="JsonFile"/>).</param>
    /// <exception cref="IOException">The disk is full or the folder cannot be written; the checkpoint that was there is untouched.</exception>
    public static void Save<TState>(
        string folder, IReadOnlyDictionary<string, Tensor> weights, IReadOnlyDictionary<string, Tensor>? optimizer, TState state)
    {
        var parts = new Dictionary<string, IReadOnlyDictionary<string, Tensor>> { [WeightsPart] = weights };
        if (optimizer is not null) parts[OptimizerPart] = optimizer;
        Save(folder, parts, state);
    }

    /// <summary>Writes any number of parts, such as several models with their optimizers, each to <c>{name}.safetensors</c>.</summary>
    /// <exception cref="ArgumentException">A part's name is no file name.</exception>
    /// <exception cref="IOException">The disk is full or the folder cannot be written; the checkpoint that was there is untouched.</exception>
    public static void Save<TState>(string folder, IReadOnlyDictionary<string, IReadOnlyDictionary<string, Tensor>> parts, TState state)
    {
        foreach (string name in parts.Keys)
        {
            if (name.Length == 0 || name.StartsWith('.') || name.AsSpan().IndexOfAny(Path.GetInvalidFileNameChars()) >= 0)
                throw new ArgumentException($"'{name}' is no name for a part of a checkpoint; it becomes a file name", nameof(parts));
        }

        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        string parent = Path.GetDirectoryName(target) ?? throw new ArgumentException("a checkpoint cannot be the root folder", nameof(folder));
        Directory.CreateDirectory(parent);
        string temporary = Path.Combine(parent, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}.tmp");
        try
        {
            Directory.CreateDirectory(temporary);
            foreach (var (name, tensors) in parts)
                SafeTensors.Write(Path.Combine(temporary, name + Extension), TensorConversion.ToNamedArrays(tensors));
            JsonFile.Write(Path.Combine(temporary, StateFile), state);
            DirectorySync.Flush(temporary);
            Replace(target, temporary);
            DirectorySync.Flush(parent);
        }
        catch
        {
            if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
            throw;
        }
    }

    /// <summary>Reads all parts. The tensors belong to the checkpoint, not to a <see cref="TensorScope"/>.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no checkpoint.</exception>
    /// <exception cref="InvalidDataException">A file is damaged; the message names it.</exception>
    public static Checkpoint Load(string folder)
    {
        string found = Located(folder) ?? throw new DirectoryNotFoundException($"{folder} is no checkpoint: it has no {StateFile}");
        var parts = new Dictionary<string, Dictionary<string, Tensor>>();
        foreach (string file in Directory.EnumerateFiles(found, "*" + Extension).Order(StringComparer.Ordinal))
        {
            Dictionary<string, Tensor> tensors = TensorConversion.ToTensors(SafeTensors.Read(file));
            foreach (Tensor tensor in tensors.Values) tensor.LeaveScope();
            parts.Add(Path.GetFileNameWithoutExtension(file), tensors);
        }

        return new Checkpoint(found, parts);
    }

    /// <summary>One part's tensors by name.</summary>
    /// <exception cref="InvalidDataException">There is no such part.</exception>
    public IReadOnlyDictionary<string, Tensor> Part(string name) => _parts.TryGetValue(name, out var part)
        ? part
        : throw new InvalidDataException($"the checkpoint {Folder} has no part '{name}', only {string.Join(", ", _parts.Keys)}");

    /// <summary>The state of the run.</summary>
    /// <exception cref="InvalidDataException">state.json is not of this form.</exception>
    public TState State<TState>() => JsonFile.Read<TState>(Path.Combine(Folder, StateFile));

    /// <summary>Disposes of the tensors.</summary>
    public void Dispose()
    {
        foreach (var part in _parts.Values)
        {
            foreach (Tensor tensor in part.Values) tensor.Dispose();
        }
    }

    private static string? Located(string folder)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (File.Exists(Path.Combine(target, StateFile))) return target;
        string previous = target + ".previous";
        return !Directory.Exists(target) && File.Exists(Path.Combine(previous, StateFile)) ? previous : null;
    }

    private static void Replace(string target, string temporary)
    {
        string previous = target + ".previous";
        if (Directory.Exists(target))
        {
            // Only a checkpoint is replaced; a folder that holds something else is not ours to delete.
            if (!File.Exists(Path.Combine(target, StateFile)) && Directory.EnumerateFileSystemEntries(target).Any())
                throw new IOException($"{target} is there already and is no checkpoint; choose another folder or remove it");
            if (Directory.Exists(previous)) Directory.Delete(previous, recursive: true);
            Directory.Move(target, previous);
        }

        Directory.Move(temporary, target);
        if (Directory.Exists(previous)) Directory.Delete(previous, recursive: true);
    }
}
