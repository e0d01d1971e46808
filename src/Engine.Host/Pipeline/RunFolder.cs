using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Engine.Runtime.Contract;
using Engine.Runtime.Weights;

namespace Engine.Host.Pipeline;

/// <summary>
/// A run's folder: <c>data/</c>, <c>models/</c>, <c>policies/</c>, <c>stages/</c> (one JSON file a finished stage), <c>checkpoints/</c>
/// (of the stage in progress), <c>summary.json</c>, <c>report.html</c>. A stage whose settings and inputs are unchanged is not run again.
/// </summary>
public sealed class RunFolder
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        IncludeFields = true,
    };

    private readonly Dictionary<string, string> _fingerprints = [];
    private readonly List<(string Name, double Seconds)> _stages = [];

    public RunFolder(string path)
    {
        Path = System.IO.Path.GetFullPath(path);
        if (File.Exists(Path)) throw new IOException($"{path} is a file; --out names the folder of a run.");
        Directory.CreateDirectory(At("stages"));
    }

    /// <summary>Full path of the folder.</summary>
    public string Path { get; }

    /// <summary>Stages gone through so far, with the seconds that each took when it ran.</summary>
    public IReadOnlyList<(string Name, double Seconds)> Stages => _stages;

    /// <summary>A path in the folder.</summary>
    public string At(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);

    /// <summary>Folder for the checkpoints of a stage in progress.</summary>
    public string Checkpoint(string stage, string part) => At("checkpoints", $"{stage}-{_fingerprints[stage][..12]}", part);

    /// <summary>
    /// Runs a stage, or reads what it gave when it was run before with the same settings after the same stages.
    /// </summary>
    /// <param name="name">Name of the stage and of its file.</param>
    /// <param name="settings">What its result depends on, besides the stages before it.</param>
    /// <param name="after">Stages whose results it uses.</param>
    /// <param name="progress">Told when the stage is taken as it stands.</param>
    /// <param name="body">The work.</param>
    public T Stage<T>(string name, object settings, string[] after, IProgressReporter progress, Func<T> body)
    {
        string fingerprint = Fingerprint(name, settings, after);
        _fingerprints[name] = fingerprint;
        string file = At("stages", name + ".json");
        if (Read<T>(file) is { } done && done.Fingerprint == fingerprint)
        {
            _stages.Add((name, done.Seconds));
            return done.Result;
        }

        var clock = Stopwatch.StartNew();
        var result = body();
        double seconds = clock.Elapsed.TotalSeconds;
        Write(file, new StageRecord<T>(name, fingerprint, seconds, result));
        string checkpoints = At("checkpoints", $"{name}-{fingerprint[..12]}");
        if (Directory.Exists(checkpoints)) Directory.Delete(checkpoints, true);
        _stages.Add((name, seconds));
        progress.Note($"{name}: {TimeSpan.FromSeconds(seconds):m\\:ss}");
        return result;
    }

    /// <summary>What a stage's result depends on, as a hash; also names a data folder's origin.</summary>
    public string FingerprintOf(string stage) => _fingerprints[stage];

    private string Fingerprint(string name, object settings, string[] after)
    {
        var text = new StringBuilder(name).Append('\n').Append(JsonSerializer.Serialize(settings, Json));
        foreach (string stage in after)
        {
            if (!_fingerprints.TryGetValue(stage, out var before))
                throw new InvalidOperationException($"Stage {name} needs stage {stage}, which has not been run in {Path}.");
            text.Append('\n').Append(before);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>Writes an object as JSON, atomically.</summary>
    public static void Write<T>(string file, T value) => AtomicFile.WriteText(file, JsonSerializer.Serialize(value, Json) + "\n");

    /// <summary>Reads an object of JSON.</summary>
    /// <exception cref="InvalidDataException">The file is absent or does not hold such an object.</exception>
    public static T Load<T>(string file)
    {
        if (!File.Exists(file)) throw new InvalidDataException($"{file} is missing; run the stage that writes it.");
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllText(file), Json) ?? throw new InvalidDataException($"{file} is empty.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file} is damaged ({e.Message}); delete it and run again.");
        }
    }

    private static StageRecord<T>? Read<T>(string file)
    {
        if (!File.Exists(file)) return null;
        try
        {
            return JsonSerializer.Deserialize<StageRecord<T>>(File.ReadAllText(file), Json);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record StageRecord<T>(string Name, string Fingerprint, double Seconds, T Result);
}
