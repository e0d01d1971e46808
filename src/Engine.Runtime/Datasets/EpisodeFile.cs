using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Engine.Runtime.Contract;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Datasets;

/// <summary>
/// One episode as an <c>.npz</c> archive: <c>image.&lt;camera&gt;</c> u8 [T + 1, H, W, 3], <c>state</c> f32 [T + 1, S], <c>command</c>
/// f32 [T + 1, 7], <c>action</c> f32 [T, A], <c>progress</c> f32 [T + 1] or [0], and <c>meta</c>, u8: JSON text of <see cref="Meta"/>.
/// </summary>
internal static class EpisodeFile
{
    private const string ImagePrefix = "image.";
    private const string MetaName = "meta";

    private static readonly JsonSerializerOptions MetaOptions = new(JsonFile.Options) { WriteIndented = false };

    private sealed record Meta
    {
        public required string Instruction { get; init; }
        public required string Task { get; init; }
        public required string Variation { get; init; }
        public required string Actor { get; init; }
        public required ulong Seed { get; init; }
        public required bool Success { get; init; }
        public required bool Terminated { get; init; }
    }

    /// <summary>Checks a description that was read or is to be written; <paramref name="name"/> is for messages.</summary>
    public static void CheckInfo(DatasetInfo info, string name)
    {
        if (info.Version != DatasetInfo.CurrentVersion)
            throw new InvalidDataException($"{name}: it has version {info.Version}, this program reads version {DatasetInfo.CurrentVersion}");
        SpecificationChecks.Cameras(info.Cameras, name);
        if (info.ActionNames.Length == 0) throw new InvalidDataException($"{name}: it names no action numbers");
        SpecificationChecks.Embodiment(info.Embodiment, name);
    }

    /// <summary>Checks an episode against the description.</summary>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public static void CheckShapes(Episode episode, DatasetInfo info)
    {
        if (FindFault(episode, info) is { } fault) throw new ArgumentException($"the episode does not fit the data set: {fault}", nameof(episode));
    }

    public static void Write(string path, Episode episode, DatasetInfo info)
    {
        var arrays = new Dictionary<string, NamedArray>();
        foreach (CameraSpec camera in info.Cameras)
        {
            long[] shape = [episode.Length + 1, camera.Height, camera.Width, 3];
            arrays.Add(ImagePrefix + camera.Name, new NamedArray(ElementType.UInt8, shape, episode.Images[camera.Name]));
        }

        arrays.Add("state", FromMatrix(episode.States));
        arrays.Add("command", FromMatrix(episode.Commands));
        arrays.Add("action", FromMatrix(episode.Actions));
        arrays.Add("progress", NamedArray.FromFloat32(episode.Progress, episode.Progress.Length));
        var meta = new Meta
        {
            Instruction = episode.Instruction,
            Task = episode.Task,
            Variation = episode.Variation,
            Actor = episode.Actor,
            Seed = episode.Seed,
            Success = episode.Success,
            Terminated = episode.Terminated,
        };
        arrays.Add(MetaName, NamedArray.FromUInt8(JsonSerializer.SerializeToUtf8Bytes(meta, MetaOptions)));
        Npz.Write(path, arrays, CompressionLevel.Fastest);
    }

    public static Episode Read(string path, DatasetInfo info)
    {
        try
        {
            Dictionary<string, NamedArray> arrays = Npz.Read(path);
            var images = new Dictionary<string, byte[]>();
            foreach (CameraSpec camera in info.Cameras)
            {
                NamedArray array = Get(arrays, ImagePrefix + camera.Name, ElementType.UInt8);
                if (array.Shape is not [_, var height, var width, 3] || height != camera.Height || width != camera.Width)
                {
                    throw new InvalidDataException($"the images of '{camera.Name}' are [{string.Join(", ", array.Shape)}], "
                        + $"expected [T + 1, {camera.Height}, {camera.Width}, 3]");
                }

                images.Add(camera.Name, array.Data);
            }

            Meta meta = JsonSerializer.Deserialize<Meta>(Get(arrays, MetaName, ElementType.UInt8).Data, MetaOptions)
                ?? throw new InvalidDataException("meta holds null");
            var episode = new Episode
            {
                Instruction = meta.Instruction,
                Task = meta.Task,
                Variation = meta.Variation,
                Actor = meta.Actor,
                Seed = meta.Seed,
                Success = meta.Success,
                Terminated = meta.Terminated,
                Images = images,
                States = ToMatrix(arrays, "state"),
                Commands = ToMatrix(arrays, "command"),
                Actions = ToMatrix(arrays, "action"),
                Progress = Get(arrays, "progress", ElementType.Float32).ToFloat32(),
            };
            return FindFault(episode, info) is { } fault ? throw new InvalidDataException(fault) : episode;
        }
        catch (Exception error) when (error is InvalidDataException or JsonException)
        {
            string what = error.Message.StartsWith(path, StringComparison.Ordinal) ? error.Message : $"{path}: {error.Message}";
            throw new InvalidDataException($"{what}. Delete this episode's file, or collect the data again", error);
        }
    }

    /// <summary>SHA-256 of names, types, shapes and values.</summary>
    public static byte[] ContentHash(string path)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string name, NamedArray array) in Npz.Read(path).OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}\n{array.Type}\n{string.Join(',', array.Shape)}\n"));
            hash.AppendData(array.Data);
        }

        return hash.GetHashAndReset();
    }

    private static string? FindFault(Episode episode, DatasetInfo info)
    {
        int steps = episode.Length, frames = steps + 1;
        if (steps < 1) return "it has no control step";
        if (Fault("action", episode.Actions, steps, info.ActionNames.Length) is { } actions) return actions;
        if (Fault("state", episode.States, frames, info.StateNames.Length) is { } states) return states;
        if (Fault("command", episode.Commands, frames, 7) is { } commands) return commands;
        if (episode.Progress.Length != frames && episode.Progress.Length != 0)
            return $"progress has {episode.Progress.Length} numbers, expected {frames} or none";
        foreach (CameraSpec camera in info.Cameras)
        {
            if (!episode.Images.TryGetValue(camera.Name, out byte[]? pixels)) return $"the images of the camera '{camera.Name}' are missing";
            if (pixels.LongLength != (long)frames * camera.Bytes)
            {
                return $"the images of '{camera.Name}' have {pixels.LongLength} bytes, "
                    + $"expected [{frames}, {camera.Height}, {camera.Width}, 3] = {(long)frames * camera.Bytes}";
            }
        }

        return episode.Images.Count == info.Cameras.Length ? null : "it has images of a camera that the data set does not name";
    }

    private static string? Fault(string name, float[,] matrix, int rows, int columns) =>
        matrix.GetLength(0) == rows && matrix.GetLength(1) == columns
            ? null
            : $"{name} is [{matrix.GetLength(0)}, {matrix.GetLength(1)}], expected [{rows}, {columns}]";

    private static NamedArray Get(Dictionary<string, NamedArray> arrays, string name, ElementType type)
    {
        if (!arrays.TryGetValue(name, out NamedArray? array)) throw new InvalidDataException($"the array '{name}' is missing");
        return array.Type == type ? array : throw new InvalidDataException($"the array '{name}' is {array.Type}, expected {type}");
    }

    private static NamedArray FromMatrix(float[,] matrix) =>
        NamedArray.FromFloat32(Span(matrix), matrix.GetLength(0), matrix.GetLength(1));

    private static float[,] ToMatrix(Dictionary<string, NamedArray> arrays, string name)
    {
        NamedArray array = Get(arrays, name, ElementType.Float32);
        if (array.Shape.Length != 2 || array.Shape[0] > int.MaxValue || array.Shape[1] > int.MaxValue)
            throw new InvalidDataException($"{name} has shape [{string.Join(", ", array.Shape)}], expected two dimensions");
        var matrix = new float[array.Shape[0], array.Shape[1]];
        array.As<float>().CopyTo(Span(matrix));
        return matrix;
    }

    private static Span<float> Span(float[,] matrix) =>
        MemoryMarshal.CreateSpan(ref Unsafe.As<byte, float>(ref MemoryMarshal.GetArrayDataReference(matrix)), matrix.Length);
}
