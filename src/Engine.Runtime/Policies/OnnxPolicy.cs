using Engine.Runtime.Contract;
using Engine.Runtime.Onnx;

namespace Engine.Runtime.Policies;

/// <summary>
/// Runs a policy that <see cref="VlaPolicyGraph"/> has written, by ONNX Runtime. Images are taken as the contract's cameras give them, states in the
/// environment's units. Calls from several threads are put one after another.
/// </summary>
public sealed class OnnxPolicy : IPolicy
{
    private const int KeptSizes = 8;

    private readonly Lock _gate = new();
    private readonly OnnxSession _session;
    private readonly InstructionTokenizer _tokenizer;
    private readonly int[] _words;
    private readonly Dictionary<int, Buffers> _buffers = [];
    private readonly int _chunk;

    /// <summary>Wraps a session, which the policy then owns.</summary>
    /// <exception cref="InvalidDataException">The model's inputs and outputs are not those of the contract.</exception>
    public OnnxPolicy(OnnxSession session, PolicyContract contract)
    {
        _session = session;
        Contract = contract;
        _tokenizer = InstructionTokenizer.FromContract(contract);
        _words = new int[contract.MaxWords];
        _chunk = contract.ActionHorizon * contract.ActionNames.Length;

        string[] inputs =
        [
            .. contract.Cameras.Select(c => $"images.{c.Name}: UInt8[batch, {c.Height}, {c.Width}, 3]"),
            $"tokens: Int64[batch, {contract.MaxWords}]",
            $"states: Float32[batch, {contract.StateNames.Length}]",
            $"uniforms: Float32[batch, {_chunk}]",
            "temperature: Float32[]",
        ];
        string[] outputs =
        [
            $"tokens_out: Int64[batch, {_chunk}]",
            $"logits: Float32[batch, {_chunk}, {contract.ActionBins}]",
            $"actions: Float32[batch, {contract.ActionHorizon}, {contract.ActionNames.Length}]",
        ];
        Check("inputs", inputs, session.Inputs);
        Check("outputs", outputs, session.Outputs);
    }

    public PolicyContract Contract { get; }

    /// <summary>Loads a model; <paramref name="options"/> says how many threads it takes.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="OnnxRuntimeException">ONNX Runtime refuses it.</exception>
    /// <exception cref="InvalidDataException">It does not fit the contract.</exception>
    public static OnnxPolicy FromFile(string path, PolicyContract contract, OnnxSessionOptions? options = null) =>
        Own(OnnxSession.FromFile(path, options), contract);

    /// <summary>As <see cref="FromFile"/>, from the model's bytes.</summary>
    public static OnnxPolicy FromBytes(ReadOnlySpan<byte> model, PolicyContract contract, OnnxSessionOptions? options = null) =>
        Own(OnnxSession.FromBytes(model, options), contract);

    /// <inheritdoc/>
    public void Act(ObservationBatch observations, Span<float> actions, float temperature = 0f, ReadOnlySpan<float> uniforms = default) =>
        Act(observations, actions, default, default, temperature, uniforms);

    /// <summary>
    /// As <see cref="IPolicy.Act"/>; also gives the classes [B, H·A] that were chosen and the logits [B, H·A, bins] that they were chosen from
    /// (each may be empty).
    /// </summary>
    /// <exception cref="ArgumentException">The batch does not fit the contract; the message says where.</exception>
    public void Act(
        ObservationBatch observations, Span<float> actions, Span<long> classes, Span<float> logits, float temperature = 0f, ReadOnlySpan<float> uniforms = default)
    {
        int count = observations.Count, width = Contract.StateNames.Length;
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1, nameof(observations));
        if (!(temperature >= 0)) throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "expected 0 (greedy) or more");
        Expect(nameof(actions), actions.Length, count * _chunk);
        Expect(nameof(observations.Instructions), observations.Instructions.Length, count);
        Expect(nameof(observations.States), observations.States.Length, count * width);
        if (temperature > 0) Expect(nameof(uniforms), uniforms.Length, count * _chunk);
        if (!classes.IsEmpty) Expect(nameof(classes), classes.Length, count * _chunk);
        if (!logits.IsEmpty) Expect(nameof(logits), logits.Length, count * _chunk * Contract.ActionBins);

        lock (_gate)
        {
            var buffers = Of(count);
            for (int c = 0; c < Contract.Cameras.Length; c++)
            {
                var camera = Contract.Cameras[c];
                if (!observations.Images.TryGetValue(camera.Name, out var images))
                    throw new ArgumentException($"there are no images of camera '{camera.Name}'; there are {string.Join(", ", observations.Images.Keys)}.", nameof(observations));
                Expect($"camera '{camera.Name}'", images.Length, count * camera.Bytes);
                images.Span.CopyTo(buffers.Inputs[c].Span<byte>());
            }

            var tokens = buffers.Tokens.Span<long>();
            for (int b = 0; b < count; b++)
            {
                _tokenizer.Encode(observations.Instructions[b], _words);
                for (int w = 0; w < _words.Length; w++) tokens[b * _words.Length + w] = _words[w];
            }

            observations.States.CopyTo(buffers.States.Span<float>());
            if (temperature > 0) uniforms.CopyTo(buffers.Uniforms.Span<float>());
            buffers.Temperature.Span<float>()[0] = temperature;
            _session.Run(buffers.Inputs, buffers.Outputs);
            buffers.Actions.Span<float>().CopyTo(actions);
            if (!classes.IsEmpty) buffers.Classes.Span<long>().CopyTo(classes);
            if (!logits.IsEmpty) buffers.Logits.Span<float>().CopyTo(logits);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var buffers in _buffers.Values) buffers.Dispose();
            _buffers.Clear();
            _session.Dispose();
        }
    }

    private static OnnxPolicy Own(OnnxSession session, PolicyContract contract)
    {
        try
        {
            return new OnnxPolicy(session, contract);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    private static void Check(string what, string[] expected, IReadOnlyList<OnnxTensorInfo> actual)
    {
        string[] found = [.. actual.Select(i => i.ToString())];
        if (!found.SequenceEqual(expected))
            throw new InvalidDataException($"the model's {what} are {string.Join("; ", found)}; the contract asks for {string.Join("; ", expected)}. Export the policy again.");
    }

    private static void Expect(string name, int actual, int expected)
    {
        if (actual != expected) throw new ArgumentException($"{name} has length {actual}, expected {expected}.");
    }

    private Buffers Of(int count)
    {
        ObjectDisposedException.ThrowIf(_session.IsDisposed, this);
        if (_buffers.TryGetValue(count, out var buffers)) return buffers;
        if (_buffers.Count == KeptSizes)
        {
            foreach (var old in _buffers.Values) old.Dispose();
            _buffers.Clear();
        }

        return _buffers[count] = new Buffers(Contract, count, _chunk);
    }

    /// <summary>The tensors of one batch size, which the runtime reads and writes in place.</summary>
    private sealed class Buffers : IDisposable
    {
        internal Buffers(PolicyContract contract, int count, int chunk)
        {
            Tokens = OnnxTensor.Zeros(OnnxElementType.Int64, count, contract.MaxWords);
            States = OnnxTensor.Zeros(OnnxElementType.Float32, count, contract.StateNames.Length);
            Uniforms = OnnxTensor.Zeros(OnnxElementType.Float32, count, chunk);
            Uniforms.Span<float>().Fill(0.5f);
            Temperature = OnnxTensor.Zeros(OnnxElementType.Float32);
            Classes = OnnxTensor.Zeros(OnnxElementType.Int64, count, chunk);
            Logits = OnnxTensor.Zeros(OnnxElementType.Float32, count, chunk, contract.ActionBins);
            Actions = OnnxTensor.Zeros(OnnxElementType.Float32, count, contract.ActionHorizon, contract.ActionNames.Length);
            Inputs =
            [
                .. contract.Cameras.Select(c => OnnxTensor.Zeros(OnnxElementType.UInt8, count, c.Height, c.Width, 3)),
                Tokens, States, Uniforms, Temperature,
            ];
            Outputs = [Classes, Logits, Actions];
        }

        internal OnnxTensor[] Inputs { get; }

        internal OnnxTensor[] Outputs { get; }

        internal OnnxTensor Tokens { get; }

        internal OnnxTensor States { get; }

        internal OnnxTensor Uniforms { get; }

        internal OnnxTensor Temperature { get; }

        internal OnnxTensor Classes { get; }

        internal OnnxTensor Logits { get; }

        internal OnnxTensor Actions { get; }

        public void Dispose()
        {
            foreach (var tensor in Inputs) tensor.Dispose();
            foreach (var tensor in Outputs) tensor.Dispose();
        }
    }
}
