using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>
/// Turns the maps that clients send into an observation of the contract: finds cameras, state and instruction under the names in use
/// (openpi's, INT-ACT's, OpenVLA's, LeRobot's, GR00T's and the contract's own), checks them, resizes images. One for each session; not thread-safe.
/// </summary>
public sealed class ObservationReader
{
    private static readonly string[] s_firstCamera = ["observation/image", "observation/exterior_image_1_left", "image", "full_image", "observation.images.top", "video.image", "video.ego_view", "video.webcam"];
    private static readonly string[] s_wristCamera = ["observation/wrist_image", "observation/wrist_image_left", "wrist_image", "video.wrist_image"];
    private static readonly string[] s_state = ["observation/state", "observation.state", "state", "proprio"];
    private static readonly string[] s_prompt = ["prompt", "task", "instruction"];

    private readonly PolicyContract _contract;
    private readonly ServeOptions _options;
    private readonly Dictionary<string, int> _cameraOfKey = new(StringComparer.Ordinal);
    private readonly ImageResizer[] _resizers;
    private readonly bool _inPlace;
    private readonly byte[]?[] _resized;
    private readonly bool[] _seen;
    private readonly string _cameraKeys;

    /// <summary>A reader for a contract.</summary>
    /// <param name="contract">What the observations must be.</param>
    /// <param name="options">Limits.</param>
    /// <param name="inPlace">Images of the right size stay in the message, which the caller keeps until the answer is there.</param>
    public ObservationReader(PolicyContract contract, ServeOptions options, bool inPlace = false)
    {
        _contract = contract;
        _inPlace = inPlace;
        _resized = new byte[]?[contract.Cameras.Length];
        _options = options;
        _resizers = Array.ConvertAll(contract.Cameras, c => new ImageResizer(c.Height, c.Width));
        _seen = new bool[contract.Cameras.Length];
        for (int i = 0; i < contract.Cameras.Length; i++)
        {
            string name = contract.Cameras[i].Name;
            foreach (string key in new[] { name, $"observation/{name}", $"observation/{name}_image", $"observation.images.{name}", $"observation/images/{name}", $"video.{name}" })
                _cameraOfKey[key] = i;
        }

        int wrist = Array.FindIndex(contract.Cameras, c => c.Name.Contains("wrist", StringComparison.OrdinalIgnoreCase));
        if (wrist < 0 && contract.Cameras.Length > 1) wrist = 1;
        int first = Array.FindIndex(contract.Cameras, c => !c.Name.Contains("wrist", StringComparison.OrdinalIgnoreCase));
        foreach (string key in s_firstCamera) _cameraOfKey.TryAdd(key, Math.Max(first, 0));
        if (wrist >= 0 && wrist != first)
        {
            foreach (string key in s_wristCamera) _cameraOfKey.TryAdd(key, wrist);
        }

        _cameraKeys = string.Join(", ", contract.Cameras.Select(c => $"'observation/{c.Name}' [{c.Height}, {c.Width}, 3]"));

        // Without memory of its own: every observation brings its images, and many sessions never resize one.
        Batch = new ObservationBatch
        {
            Count = 1,
            Instructions = [""],
            Images = contract.Cameras.ToDictionary(c => c.Name, _ => default(ReadOnlyMemory<byte>)),
            States = new float[contract.StateNames.Length],
        };
    }

    /// <summary>The observation that was read last.</summary>
    public ObservationBatch Batch { get; }

    /// <summary>An empty batch of the contract's sizes.</summary>
    public static ObservationBatch NewBatch(PolicyContract contract, int count) => new()
    {
        Count = count,
        Instructions = [.. Enumerable.Repeat("", count)],
        Images = contract.Cameras.ToDictionary(c => c.Name, c => (ReadOnlyMemory<byte>)new byte[count * c.Bytes]),
        States = new float[count * contract.StateNames.Length],
    };

    /// <summary>Reads a map into <see cref="Batch"/>.</summary>
    /// <exception cref="ObservationException">It does not fit the contract.</exception>
    public void Read(MsgPackMap observation)
    {
        Array.Clear(_seen);
        bool state = false, prompt = false;
        foreach (var (key, value) in observation)
        {
            if (_cameraOfKey.TryGetValue(key, out int camera)) Image(key, value, camera);
            else if (Array.IndexOf(s_state, key) >= 0) State(key, value, ref state);
            else if (Array.IndexOf(s_prompt, key) >= 0) Prompt(key, value, ref prompt);
            else if (value is NumpyArray { Dtype: { Kind: 'u', Size: 1 }, Shape.Length: 3 or 4 } && !_options.IgnoreExtraCameras)
                throw new ObservationException($"'{Short(key)}' is an image that this policy does not take; it takes {_cameraKeys}");
        }

        for (int i = 0; i < _seen.Length; i++)
        {
            if (!_seen[i]) throw new ObservationException($"the image of camera '{_contract.Cameras[i].Name}' is missing; this policy takes {_cameraKeys}");
        }

        if (!state && !(_options.HideMissingState && !observation.ContainsKey("observation/joint_position"))) StateOfParts(observation);
        else if (!state) HideState();
        if (!prompt) throw new ObservationException("the instruction is missing: send it as 'prompt', a string");
    }

    private static string Short(string text) => text.Length > 64 ? text[..64] + "…" : text;

    private static string Describe(object? value) => value switch
    {
        null => "nothing",
        NumpyArray array => array.ToString(),
        MsgPackMap => "a map",
        string => "a string",
        object?[] list => $"a list of {list.Length}",
        _ => value.GetType().Name,
    };

    private void Image(string key, object? value, int camera)
    {
        var spec = _contract.Cameras[camera];
        if (value is not NumpyArray array || array.Dtype != NumpyDtype.UInt8)
            throw new ObservationException($"'{key}' must be an array of uint8 [height, width, 3] (RGB); it is {Describe(value)}");
        ReadOnlySpan<long> shape = array.Shape;
        if (shape.Length == 4 && shape[0] == 1) shape = shape[1..];
        if (shape.Length != 3 || shape[2] != 3 || shape[0] is < 1 or > 8192 || shape[1] is < 1 or > 8192)
            throw new ObservationException($"'{key}' must be [height, width, 3] with sides of 1 to 8192; it is {array}");
        if (_seen[camera]) throw new ObservationException($"camera '{spec.Name}' is sent twice; the second time as '{key}'");
        _seen[camera] = true;
        if (_inPlace && shape[0] == spec.Height && shape[1] == spec.Width)
        {
            Batch.Images[spec.Name] = array.Data;
            return;
        }

        byte[] resized = _resized[camera] ??= new byte[spec.Bytes];
        _resizers[camera].Resize(array.Data.Span, (int)shape[0], (int)shape[1], resized);
        Batch.Images[spec.Name] = resized;
    }

    private void State(string key, object? value, ref bool seen)
    {
        if (seen) throw new ObservationException($"the state is sent twice; the second time as '{key}'");
        seen = true;
        Numbers(key, value, Batch.States);
    }

    private void Numbers(string key, object? value, Span<float> destination)
    {
        if (value is object?[] list && Array.TrueForAll(list, e => e is long or double))
            value = NumpyArray.From(Array.ConvertAll(list, e => Convert.ToSingle(e, System.Globalization.CultureInfo.InvariantCulture)), list.Length);
        if (value is not NumpyArray { Dtype.IsNumeric: true } array)
            throw new ObservationException($"'{key}' must be an array of numbers; it is {Describe(value)}");
        if (array.Count != destination.Length)
            throw new ObservationException($"'{key}' has {array.Count} numbers; this policy takes {destination.Length}: {string.Join(", ", _contract.StateNames)}");
        array.CopyTo(destination);
        for (int i = 0; i < destination.Length; i++)
        {
            if (!float.IsFinite(destination[i])) throw new ObservationException($"number {i} of '{key}' ({_contract.StateNames[i]}) is {destination[i]}");
        }
    }

    /// <summary>DROID's form of the state: joint positions and the gripper's under keys of their own.</summary>
    private void StateOfParts(MsgPackMap observation)
    {
        int width = _contract.StateNames.Length;
        if (width == 0) return;
        if (observation.TryGet("observation/joint_position", out NumpyArray? joints) && observation.TryGet("observation/gripper_position", out NumpyArray? gripper)
            && joints.Dtype.IsNumeric && gripper.Dtype.IsNumeric)
        {
            float[] all = [.. joints.ToSingles(), .. gripper.ToSingles()];
            Numbers("observation/joint_position and gripper_position", NumpyArray.From(all, all.Length), Batch.States);
            return;
        }

        throw new ObservationException($"the state is missing: send it as 'observation/state', {width} numbers: {string.Join(", ", _contract.StateNames)}");
    }

    /// <summary>The middle of the range, which normalisation makes 0: what training shows a policy in the place of a state that it hides.</summary>
    private void HideState()
    {
        var range = _contract.StateStatistics;
        for (int i = 0; i < Batch.States.Length; i++) Batch.States[i] = range.Mask[i] ? range.Q01[i] + (range.Q99[i] - range.Q01[i]) / 2 : 0;
    }

    private void Prompt(string key, object? value, ref bool seen)
    {
        if (seen) throw new ObservationException($"the instruction is sent twice; the second time as '{key}'");
        seen = true;
        if (value is NumpyArray { Dtype.Kind: 'U', Count: 1 } text) value = text.ToStrings()[0];
        if (value is object?[] { Length: 1 } one) value = one[0];
        if (value is not string prompt) throw new ObservationException($"'{key}' must be a string; it is {Describe(value)}");
        if (prompt.Length > _options.MaxPromptCharacters)
            throw new ObservationException($"'{key}' has {prompt.Length} characters; at most {_options.MaxPromptCharacters} are accepted");
        Batch.Instructions[0] = prompt;
    }
}
