using System.Globalization;
using System.Text;
using Engine.Runtime.Contract;

namespace Engine.Runtime.Datasets;

/// <summary>
/// A BridgeV2 data set in RLDS form (arXiv 2111.02767) as TensorFlow Datasets writes it: <c>features.json</c> and TFRecord shards, one record an
/// episode. Needs <c>steps/action</c> [7] (Δ metres, Δ rad, gripper 1 open), <c>steps/observation/state</c> [7] (x, y, z, roll, pitch, yaw,
/// gripper opening), images and <c>steps/language_instruction</c>. N recorded steps give N observations and N − 1 actions.
/// There is no commanded pose in the data, so the measured one stands for it, with the gripper last sent.
/// </summary>
public sealed class RldsDataset
{
    private const string Observation = "steps/observation/";
    private const int Width = 7;

    private readonly string[] _shards;
    private readonly Dictionary<string, RldsFeature> _features;
    private readonly FrameDecoder _decoder;

    private RldsDataset(string[] shards, Dictionary<string, RldsFeature> features, DatasetInfo info, FrameDecoder decoder)
    {
        _shards = shards;
        _features = features;
        _decoder = decoder;
        Info = info;
    }

    /// <summary>What all episodes have in common.</summary>
    public DatasetInfo Info { get; }

    /// <summary>Full paths of the shards, in order.</summary>
    public IReadOnlyList<string> Shards => _shards;

    /// <summary>Opens a version folder.</summary>
    /// <param name="directory">Folder with <c>features.json</c> and the shards.</param>
    /// <param name="cameras">Cameras to keep, e.g. <c>image_0</c>; null keeps all.</param>
    /// <param name="height">Rows to scale images to (pixels); 0 keeps the data's own.</param>
    /// <param name="width">Columns to scale images to (pixels); 0 keeps the data's own.</param>
    /// <param name="split">Part of the data set.</param>
    /// <param name="decoder">Decodes the images.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">A shard is missing, or the features are not those of Bridge; the message says which.</exception>
    public static RldsDataset Open(
        string directory, string[]? cameras = null, int height = 0, int width = 0, string split = "train", FrameDecoder? decoder = null)
    {
        string full = Path.GetFullPath(directory);
        if (!Directory.Exists(full)) throw new DirectoryNotFoundException($"{full}: there is no such folder");
        string featureFile = Path.Combine(full, "features.json");
        if (!File.Exists(featureFile)) throw new InvalidDataException($"{full}: it holds no features.json, so it is no RLDS data set");
        Dictionary<string, RldsFeature> features = RldsFeatures.Read(featureFile);
        foreach (string name in new[] { "steps/action", Observation + "state" })
        {
            if (!features.TryGetValue(name, out RldsFeature? feature) || feature is not { Kind: "tensor", Shape: [Width], Format: "float32" })
                throw new InvalidDataException($"{featureFile}: {name} is no float32 tensor of {Width} numbers, as Bridge has");
        }

        string[] known =
        [
            .. features.Where(f => f.Value.Kind == "image" && f.Key.StartsWith(Observation, StringComparison.Ordinal))
                .Select(f => f.Key[Observation.Length..]).Order(StringComparer.Ordinal),
        ];
        cameras ??= known;
        foreach (string camera in cameras)
        {
            if (!known.Contains(camera)) throw new InvalidDataException($"{featureFile}: it has no camera '{camera}', only {string.Join(", ", known)}");
        }

        var info = new DatasetInfo
        {
            Source = "bridge_rlds",
            Cameras = [.. cameras.Select(c => Camera(c, features[Observation + c], height, width, featureFile))],
            StateNames = ["x (m)", "y (m)", "z (m)", "qw", "qx", "qy", "qz", "gripper opening"],
            ActionNames = ["dx (m)", "dy (m)", "dz (m)", "droll (rad)", "dpitch (rad)", "dyaw (rad)", "gripper (1 open)"],
            Embodiment = new EmbodimentSpec
            {
                // BridgeV2's workspace: the extremes of 60 064 trajectories (INT-ACT's bridge_statistics.json), rounded outwards.
                StepLimit = [0.1f, 0.1f, 0.1f, 0.5f, 0.5f, 0.5f],
                PoseLow = [-0.05f, -0.4f, -0.2f, -MathF.PI, -MathF.PI, -MathF.PI],
                PoseHigh = [0.6f, 0.41f, 0.4f, MathF.PI, MathF.PI, MathF.PI],
                ControlHz = 5,
            },
        };
        SpecificationChecks.Cameras(info.Cameras, featureFile);
        return new RldsDataset(FindShards(full, split), features, info, decoder ?? new FrameDecoder());
    }

    /// <summary>Reads the episodes one after another, as they are asked for.</summary>
    /// <exception cref="InvalidDataException">A record is corrupt or lacks a feature; the message names file and record.</exception>
    /// <exception cref="InvalidOperationException">ffmpeg is not installed; the message says how to get it.</exception>
    public IEnumerable<Episode> Read(CancellationToken cancellation = default)
    {
        ulong number = 0;
        foreach (string shard in _shards)
        {
            int record = 0;
            foreach (byte[] bytes in TfRecordFile.Read(shard))
            {
                cancellation.ThrowIfCancellationRequested();
                string name = string.Create(CultureInfo.InvariantCulture, $"{shard}, record {record++}");
                yield return ToEpisode(TfExample.Parse(bytes, name), name, number++, cancellation);
            }
        }
    }

    private static CameraSpec Camera(string name, RldsFeature feature, int height, int width, string file)
    {
        if (height > 0 && width > 0) return new CameraSpec(name, height, width);
        return feature.Shape is [> 0 and < 8192, > 0 and < 8192, 3]
            ? new CameraSpec(name, (int)feature.Shape[0], (int)feature.Shape[1])
            : throw new InvalidDataException($"{file}: the size of the camera '{name}' varies; say what to scale it to");
    }

    private static string[] FindShards(string folder, string split)
    {
        string[] shards = [.. Directory.GetFiles(folder, $"*-{split}.tfrecord-*-of-*").Order(StringComparer.Ordinal)];
        if (shards.Length == 0) throw new InvalidDataException($"{folder}: it holds no shards of the split '{split}' (*-{split}.tfrecord-00000-of-…)");
        string total = shards[0][(shards[0].LastIndexOf('-') + 1)..];
        if (!int.TryParse(total, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count != shards.Length)
            throw new InvalidDataException($"{folder}: {shards.Length} shards of the split '{split}' are there, expected {total}");
        return shards;
    }

    private Episode ToEpisode(TfExample example, string name, ulong number, CancellationToken cancellation)
    {
        try
        {
            float[] actionNumbers = example.Floats("steps/action"), poseNumbers = example.Floats(Observation + "state");
            int frames = actionNumbers.Length / Width;
            if (frames < 2 || actionNumbers.Length != frames * Width || poseNumbers.Length != frames * Width)
            {
                throw new InvalidDataException($"it has {actionNumbers.Length} action and {poseNumbers.Length} state numbers, "
                    + $"expected the same multiple of {Width}, at least two steps");
            }

            var actions = new float[frames - 1, Width];
            var commands = new float[frames, Width];
            var states = new float[frames, 8];
            Span<float> pose = stackalloc float[Width], state = stackalloc float[8];
            for (int frame = 0; frame < frames; frame++)
            {
                for (int i = 0; i < Width && frame < frames - 1; i++) actions[frame, i] = actionNumbers[frame * Width + i];
                poseNumbers.AsSpan(frame * Width, Width).CopyTo(pose);
                EmbodimentSpec.ToState(pose, state);
                for (int i = 0; i < state.Length; i++) states[frame, i] = state[i];
                float gripper = frame == 0 ? pose[6] : actionNumbers[(frame - 1) * Width + 6];
                pose[6] = gripper > 0.5f ? 1 : 0;
                for (int i = 0; i < Width; i++) commands[frame, i] = pose[i];
            }

            return new Episode
            {
                Instruction = Text(example, "steps/language_instruction"),
                Task = "bridge",
                Actor = "expert",
                Seed = number,
                Success = example.Has("steps/reward") && example.Floats("steps/reward") is [.., > 0],
                Terminated = example.Has("steps/is_terminal") && example.Integers("steps/is_terminal") is [.., 1],
                Images = Images(example, name, frames, cancellation),
                States = states,
                Commands = commands,
                Actions = actions,
                Progress = [],
            };
        }
        catch (InvalidDataException error) when (!error.Message.StartsWith(name, StringComparison.Ordinal))
        {
            throw new InvalidDataException($"{name}: {error.Message}", error);
        }
    }

    private static string Text(TfExample example, string feature) =>
        example.Has(feature) && example.Bytes(feature) is [var first, ..] ? Encoding.UTF8.GetString(first.Span) : "";

    /// <summary>Cameras of the same size and format go through the decoder together, as starting it costs more than a few frames.</summary>
    private Dictionary<string, byte[]> Images(TfExample example, string name, int frames, CancellationToken cancellation)
    {
        var images = new Dictionary<string, byte[]>();
        foreach (var group in Info.Cameras.GroupBy(c => (c.Height, c.Width, _features[Observation + c.Name].Format)))
        {
            CameraSpec[] cameras = [.. group];
            var encoded = new List<ReadOnlyMemory<byte>>();
            foreach (CameraSpec camera in cameras)
            {
                IReadOnlyList<ReadOnlyMemory<byte>> own = example.Bytes(Observation + camera.Name);
                if (own.Count != frames) throw new InvalidDataException($"the camera '{camera.Name}' has {own.Count} images, expected {frames}");
                encoded.AddRange(own);
            }

            byte[] pixels = _decoder.DecodeImages(encoded, group.Key.Format, name, group.Key.Height, group.Key.Width, cancellation);
            for (int i = 0; i < cameras.Length; i++)
            {
                int bytes = frames * cameras[i].Bytes;
                images.Add(cameras[i].Name, pixels.AsSpan(i * bytes, bytes).ToArray());
            }
        }

        return images;
    }
}
