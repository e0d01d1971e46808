using System.Globalization;
using System.Runtime.InteropServices;

namespace Engine.Runtime.Onnx;

/// <summary>
/// Builds an ONNX model (IR version 9, opset 20): inputs, weights, nodes, outputs. Nodes are written in the order of the calls, which
/// is an order in which they can run. The model holds its weights, so it is limited to 2 GiB.
/// </summary>
public sealed partial class OnnxGraphBuilder
{
    private const int IrVersion = 9, OpsetVersion = 20;

    private readonly string _name;
    private readonly ProtobufWriter _nodes = new();
    private readonly ProtobufWriter _initialisers = new();
    private readonly ProtobufWriter _inputs = new();
    private readonly ProtobufWriter _outputs = new();
    private readonly ProtobufWriter _metadata = new();
    private readonly HashSet<string> _names = [];
    private readonly Dictionary<string, OnnxValue> _constants = [];
    private int _next;

    /// <param name="name">Name of the graph, for people.</param>
    public OnnxGraphBuilder(string name) => _name = name;

    /// <summary>Number of nodes so far.</summary>
    public int NodeCount { get; private set; }

    /// <summary>Declares an input.</summary>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public OnnxValue Input(string name, OnnxElementType type, params ReadOnlySpan<OnnxDimension> shape)
    {
        Take(name);
        _inputs.Message(11, ValueInfo(name, type, shape));
        return new OnnxValue(name);
    }

    /// <summary>Declares an output: <paramref name="value"/> under the name <paramref name="name"/>.</summary>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public void Output(OnnxValue value, string name, OnnxElementType type, params ReadOnlySpan<OnnxDimension> shape)
    {
        Take(name);
        WriteNode("Identity", [value], [name], []);
        _outputs.Message(12, ValueInfo(name, type, shape));
    }

    /// <summary>Adds a weight under its own name.</summary>
    /// <exception cref="ArgumentException">The name is taken, the type is none of ONNX's, or the number of values is not the product of the shape.</exception>
    public OnnxValue Weight<T>(string name, ReadOnlySpan<T> values, params ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        Take(name);
        long count = 1;
        foreach (long dimension in shape) count = checked(count * dimension);
        if (count != values.Length)
            throw new ArgumentException($"'{name}' has shape [{string.Join(", ", shape.ToArray())}], which is {count} elements; {values.Length} were given.", nameof(values));

        var tensor = new ProtobufWriter();
        foreach (long dimension in shape) tensor.Int64(1, dimension);
        tensor.Int64(2, (long)OnnxTensor.TypeOf<T>());
        tensor.String(8, name);
        tensor.Bytes(9, MemoryMarshal.AsBytes(values));
        _initialisers.Message(5, tensor);
        return new OnnxValue(name);
    }

    /// <summary>A vector of integers (shapes, axes, indices); equal ones are stored once.</summary>
    public OnnxValue Constant(params ReadOnlySpan<long> values)
    {
        string key = "i:" + string.Join(",", values.ToArray());
        if (!_constants.TryGetValue(key, out var value)) _constants[key] = value = Weight(Fresh("const"), values, values.Length);
        return value;
    }

    /// <summary>An integer scalar.</summary>
    public OnnxValue Scalar(long number)
    {
        string key = $"I:{number}";
        if (!_constants.TryGetValue(key, out var value)) _constants[key] = value = Weight(Fresh("const"), [number]);
        return value;
    }

    /// <summary>A float scalar.</summary>
    public OnnxValue Scalar(float number)
    {
        string key = "f:" + number.ToString("R", CultureInfo.InvariantCulture);
        if (!_constants.TryGetValue(key, out var value)) _constants[key] = value = Weight(Fresh("const"), [number]);
        return value;
    }

    /// <summary>Notes a key and a text in the model's metadata.</summary>
    public void Metadata(string key, string text)
    {
        var entry = new ProtobufWriter();
        entry.String(1, key);
        entry.String(2, text);
        _metadata.Message(14, entry);
    }

    /// <summary>
    /// Adds a node with one output. Attribute values are <see cref="long"/>, <see cref="float"/>, <see cref="string"/>, long[] or float[];
    /// an input whose name is empty is one that is left out.
    /// </summary>
    /// <exception cref="ArgumentException">An input is not in the graph, or an attribute has another type.</exception>
    public OnnxValue Node(string operation, ReadOnlySpan<OnnxValue> inputs, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        string name = Fresh(operation);
        _names.Add(name);
        WriteNode(operation, inputs, [name], attributes);
        return new OnnxValue(name);
    }

    /// <summary>As <see cref="Node"/>, with several outputs.</summary>
    public OnnxValue[] Nodes(string operation, int outputs, ReadOnlySpan<OnnxValue> inputs, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        string[] names = new string[outputs];
        for (int i = 0; i < outputs; i++)
        {
            names[i] = Fresh(operation);
            _names.Add(names[i]);
        }

        WriteNode(operation, inputs, names, attributes);
        return Array.ConvertAll(names, n => new OnnxValue(n));
    }

    /// <summary>The model's bytes.</summary>
    /// <exception cref="InvalidOperationException">The model exceeds 2 GiB.</exception>
    public byte[] ToBytes()
    {
        long size = (long)_nodes.Written.Length + _initialisers.Written.Length;
        if (size > int.MaxValue - (1 << 20)) throw new InvalidOperationException($"the model has {size} bytes; one file holds at most 2 GiB.");

        var graph = new ProtobufWriter();
        graph.Raw(_nodes.Written);
        graph.String(2, _name);
        graph.Raw(_initialisers.Written);
        graph.Raw(_inputs.Written);
        graph.Raw(_outputs.Written);

        var opset = new ProtobufWriter();
        opset.String(1, "");
        opset.Int64(2, OpsetVersion);

        var model = new ProtobufWriter();
        model.Int64(1, IrVersion);
        model.String(2, "engine");
        model.Message(7, graph);
        model.Message(8, opset);
        model.Raw(_metadata.Written);
        return model.Written.ToArray();
    }

    private static ProtobufWriter ValueInfo(string name, OnnxElementType type, ReadOnlySpan<OnnxDimension> dimensions)
    {
        var shape = new ProtobufWriter();
        foreach (var dimension in dimensions)
        {
            var entry = new ProtobufWriter();
            if (dimension.Symbol is { } symbol) entry.String(2, symbol);
            else entry.Int64(1, dimension.Size);
            shape.Message(1, entry);
        }

        var tensor = new ProtobufWriter();
        tensor.Int64(1, (long)type);
        tensor.Message(2, shape);
        var typed = new ProtobufWriter();
        typed.Message(1, tensor);
        var info = new ProtobufWriter();
        info.String(1, name);
        info.Message(2, typed);
        return info;
    }

    private static ProtobufWriter Attribute(string name, object value)
    {
        const int isFloat = 1, isInt = 2, isString = 3, isFloats = 6, isInts = 7;
        var attribute = new ProtobufWriter();
        attribute.String(1, name);
        switch (value)
        {
            case float number:
                attribute.Float(2, number);
                attribute.Int64(20, isFloat);
                break;
            case long number:
                attribute.Int64(3, number);
                attribute.Int64(20, isInt);
                break;
            case int number:
                attribute.Int64(3, number);
                attribute.Int64(20, isInt);
                break;
            case string text:
                attribute.String(4, text);
                attribute.Int64(20, isString);
                break;
            case float[] numbers:
                foreach (float number in numbers) attribute.Float(7, number);
                attribute.Int64(20, isFloats);
                break;
            case long[] numbers:
                foreach (long number in numbers) attribute.Int64(8, number);
                attribute.Int64(20, isInts);
                break;
            default:
                throw new ArgumentException($"attribute '{name}' is a {value.GetType().Name}; long, float, string, long[] and float[] are known.", nameof(value));
        }

        return attribute;
    }

    private void WriteNode(string operation, ReadOnlySpan<OnnxValue> inputs, ReadOnlySpan<string> outputs, ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var node = new ProtobufWriter();
        foreach (var input in inputs)
        {
            if (input.Name is not "" && !_names.Contains(input.Name ?? "(null)"))
                throw new ArgumentException($"{operation} reads '{input.Name}', which this graph does not have.", nameof(inputs));
            node.String(1, input.Name!);
        }

        foreach (string output in outputs) node.String(2, output);
        node.String(3, $"{operation}/{NodeCount++}");
        node.String(4, operation);
        foreach (var (name, value) in attributes) node.Message(5, Attribute(name, value));
        _nodes.Message(1, node);
    }

    private void Take(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (!_names.Add(name)) throw new ArgumentException($"the graph already has a value named '{name}'.", nameof(name));
    }

    private string Fresh(string stem)
    {
        string name;
        do name = $"{stem}_{_next++}";
        while (_names.Contains(name));
        return name;
    }
}
