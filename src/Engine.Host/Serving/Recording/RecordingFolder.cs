using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;
using Engine.Runtime.Weights;

namespace Engine.Host.Serving.Recording;

/// <summary>
/// Served episodes as a data directory (<see cref="EpisodeStore"/>: what <c>train --data</c> and <c>data show</c> read), with what serving
/// knows besides in <c>served/</c>, one npz an episode under the same number: <c>chunk</c> f32 [T + 1, H, A] (every answer whole),
/// <c>received_ns</c> int64 [T + 1] (Unix time of an observation's last byte), <c>policy_ns</c> int64 [T + 1]; and <c>recording.json</c>.
/// </summary>
internal sealed class RecordingFolder
{
    private const string Description = "recording.json", Served = "served";
    private readonly EpisodeStore _store;

    private RecordingFolder(EpisodeStore store, PolicyContract contract) => (_store, Contract) = (store, contract);

    /// <summary>What the policy that was served expects and gives.</summary>
    public PolicyContract Contract { get; }

    /// <summary>Number of episodes.</summary>
    public int Count => _store.Count;

    /// <summary>Full path.</summary>
    public string Directory => _store.Directory;

    /// <summary>What a recording says of itself.</summary>
    /// <param name="Contract">Of the policy.</param>
    /// <param name="Policy">The policy's name, or its folder.</param>
    /// <param name="PolicySha256">Of its graph; empty for a built-in one.</param>
    /// <param name="Temperature">Sampling temperature of the server.</param>
    /// <param name="Seed">Seed of the sampling.</param>
    internal sealed record About(PolicyContract Contract, string Policy, string PolicySha256, float Temperature, ulong Seed);

    /// <summary>Begins a recording, or adds to one of the same policy and settings.</summary>
    /// <exception cref="InvalidDataException">The folder holds something else.</exception>
    public static RecordingFolder Create(string directory, About about)
    {
        var contract = about.Contract;
        string file = Path.Combine(directory, Description);
        if (File.Exists(file) && JsonFile.ToText(JsonFile.Read<About>(file)) != JsonFile.ToText(about))
            throw new InvalidDataException($"{directory} holds a recording of another policy or of other settings; name another folder with --record.");
        var store = EpisodeStore.Create(directory, new DatasetInfo
        {
            Source = "served",
            Cameras = contract.Cameras,
            StateNames = contract.StateNames,
            ActionNames = contract.ActionNames,
            Embodiment = contract.Embodiment,
        });
        System.IO.Directory.CreateDirectory(Path.Combine(store.Directory, Served));
        JsonFile.Write(file, about);
        return new RecordingFolder(store, contract);
    }

    /// <summary>Opens a recording.</summary>
    /// <exception cref="InvalidDataException">The folder holds none, or no episodes.</exception>
    public static RecordingFolder Open(string directory)
    {
        string file = Path.Combine(directory, Description);
        if (!File.Exists(file)) throw new InvalidDataException($"{directory} holds no recording: it has no {Description}. engine serve --record writes one.");
        return new RecordingFolder(EpisodeStore.Open(directory), JsonFile.Read<About>(file).Contract);
    }

    /// <summary>Writes an episode: first what serving knows, then the episode itself, which makes it count.</summary>
    public void Append(Episode episode, float[] chunks, long[] received, long[] policy)
    {
        int horizon = Contract.ActionHorizon, width = Contract.ActionNames.Length, count = received.Length;
        var arrays = new Dictionary<string, NamedArray>
        {
            ["chunk"] = NamedArray.FromFloat32(chunks, count, horizon, width),
            ["received_ns"] = NamedArray.FromInt64(received, count),
            ["policy_ns"] = NamedArray.FromInt64(policy, count),
        };
        string waiting = Path.Combine(Directory, Served, "next.npz");
        Npz.Write(waiting, arrays);
        string name = Path.GetFileName(_store.PathOf(_store.Append(episode)));
        File.Move(waiting, Path.Combine(Directory, Served, name), overwrite: true);
    }

    /// <summary>Reads an episode and the chunks [T + 1, H, A] that were answered.</summary>
    /// <exception cref="InvalidDataException">A file is missing or corrupt; the message names it.</exception>
    public (Episode Episode, float[] Chunks) Read(int index)
    {
        var episode = _store.Read(index);
        string file = Path.Combine(Directory, Served, Path.GetFileName(_store.PathOf(index)));
        if (!File.Exists(file)) throw new InvalidDataException($"{file} is missing; delete episode {index}, or copy the recording again.");
        long[] shape = [episode.Length + 1, Contract.ActionHorizon, Contract.ActionNames.Length];
        if (!Npz.Read(file).TryGetValue("chunk", out var chunks) || !chunks.Shape.AsSpan().SequenceEqual(shape))
            throw new InvalidDataException($"{file} has no chunk of [{string.Join(", ", shape)}]; it belongs to another episode.");
        return (episode, chunks.ToFloat32());
    }
}
