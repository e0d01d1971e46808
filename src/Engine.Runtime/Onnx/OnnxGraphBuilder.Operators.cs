namespace Engine.Runtime.Onnx;

/// <summary>
/// Operators by their names. Unless said otherwise an operator is ONNX's own, with its broadcasting; convolutions are [N, C, H, W].
/// </summary>
public sealed partial class OnnxGraphBuilder
{
    private static readonly OnnxValue s_none = new("");

    public OnnxValue Add(OnnxValue a, OnnxValue b) => Node("Add", [a, b]);

    public OnnxValue Sub(OnnxValue a, OnnxValue b) => Node("Sub", [a, b]);

    public OnnxValue Mul(OnnxValue a, OnnxValue b) => Node("Mul", [a, b]);

    public OnnxValue Div(OnnxValue a, OnnxValue b) => Node("Div", [a, b]);

    public OnnxValue Add(OnnxValue a, float b) => Add(a, Scalar(b));

    public OnnxValue Sub(OnnxValue a, float b) => Sub(a, Scalar(b));

    public OnnxValue Mul(OnnxValue a, float b) => Mul(a, Scalar(b));

    public OnnxValue Div(OnnxValue a, float b) => Div(a, Scalar(b));

    public OnnxValue Max(OnnxValue a, OnnxValue b) => Node("Max", [a, b]);

    public OnnxValue Min(OnnxValue a, OnnxValue b) => Node("Min", [a, b]);

    public OnnxValue Neg(OnnxValue x) => Node("Neg", [x]);

    public OnnxValue Sqrt(OnnxValue x) => Node("Sqrt", [x]);

    public OnnxValue Exp(OnnxValue x) => Node("Exp", [x]);

    public OnnxValue Log(OnnxValue x) => Node("Log", [x]);

    public OnnxValue Sin(OnnxValue x) => Node("Sin", [x]);

    public OnnxValue Cos(OnnxValue x) => Node("Cos", [x]);

    public OnnxValue Tanh(OnnxValue x) => Node("Tanh", [x]);

    public OnnxValue Relu(OnnxValue x) => Node("Relu", [x]);

    public OnnxValue Sigmoid(OnnxValue x) => Node("Sigmoid", [x]);

    /// <summary>x · sigmoid(x).</summary>
    public OnnxValue Silu(OnnxValue x) => Mul(x, Sigmoid(x));

    /// <summary>x · Φ(x); with <paramref name="tanh"/> the approximation 0.5 x (1 + tanh(√(2/π)(x + 0.044715 x³))).</summary>
    public OnnxValue Gelu(OnnxValue x, bool tanh = false) => Node("Gelu", [x], ("approximate", tanh ? "tanh" : "none"));

    /// <summary>Limits x to [<paramref name="low"/>, <paramref name="high"/>].</summary>
    public OnnxValue Clip(OnnxValue x, float low, float high) => Node("Clip", [x, Scalar(low), Scalar(high)]);

    public OnnxValue Equal(OnnxValue a, OnnxValue b) => Node("Equal", [a, b]);

    public OnnxValue Less(OnnxValue a, OnnxValue b) => Node("Less", [a, b]);

    public OnnxValue LessOrEqual(OnnxValue a, OnnxValue b) => Node("LessOrEqual", [a, b]);

    public OnnxValue Greater(OnnxValue a, OnnxValue b) => Node("Greater", [a, b]);

    public OnnxValue And(OnnxValue a, OnnxValue b) => Node("And", [a, b]);

    public OnnxValue Not(OnnxValue x) => Node("Not", [x]);

    /// <summary><paramref name="then"/> where the condition (Bool) holds, else <paramref name="otherwise"/>.</summary>
    public OnnxValue Where(OnnxValue condition, OnnxValue then, OnnxValue otherwise) => Node("Where", [condition, then, otherwise]);

    public OnnxValue Cast(OnnxValue x, OnnxElementType type) => Node("Cast", [x], ("to", (long)type));

    public OnnxValue MatMul(OnnxValue a, OnnxValue b) => Node("MatMul", [a, b]);

    /// <summary>a · b + c for matrices, each transposed on request.</summary>
    public OnnxValue Gemm(OnnxValue a, OnnxValue b, OnnxValue? c = null, bool transposeA = false, bool transposeB = false) =>
        Node("Gemm", c is { } bias ? [a, b, bias] : [a, b], ("transA", transposeA ? 1L : 0L), ("transB", transposeB ? 1L : 0L));

    /// <summary>
    /// Convolution with the same stride and zero padding on both axes.
    /// x [N, C, H, W], w [O, C / groups, kH, kW], b [O].
    /// </summary>
    public OnnxValue Conv(OnnxValue x, OnnxValue w, OnnxValue? b = null, int stride = 1, int pad = 0, int groups = 1) =>
        Node("Conv", b is { } bias ? [x, w, bias] : [x, w],
            ("strides", new long[] { stride, stride }), ("pads", new long[] { pad, pad, pad, pad }), ("group", (long)groups));

    /// <summary>Mean over H and W: [N, C, H, W] → [N, C, 1, 1].</summary>
    public OnnxValue GlobalAveragePool(OnnxValue x) => Node("GlobalAveragePool", [x]);

    public OnnxValue AveragePool(OnnxValue x, int kernel, int stride) =>
        Node("AveragePool", [x], ("kernel_shape", new long[] { kernel, kernel }), ("strides", new long[] { stride, stride }));

    public OnnxValue MaxPool(OnnxValue x, int kernel, int stride, int pad = 0) =>
        Node("MaxPool", [x], ("kernel_shape", new long[] { kernel, kernel }), ("strides", new long[] { stride, stride }), ("pads", new long[] { pad, pad, pad, pad }));

    /// <summary>
    /// Group normalisation of [N, C, H, W] with scale and bias [C]: mean and variance over each of <paramref name="groups"/> groups of channels.
    /// </summary>
    public OnnxValue GroupNorm(OnnxValue x, OnnxValue scale, OnnxValue bias, int groups, float epsilon = 1e-5f)
    {
        // Opset 20 has no GroupNormalization with scale per channel: instance normalisation over the groups is the same computation.
        string key = $"ones:{groups}", zeros = $"zeros:{groups}";
        if (!_constants.TryGetValue(key, out var one))
        {
            float[] ones = new float[groups];
            Array.Fill(ones, 1f);
            _constants[key] = one = Weight<float>(Fresh("const"), ones, groups);
        }

        if (!_constants.TryGetValue(zeros, out var zero)) _constants[zeros] = zero = Weight<float>(Fresh("const"), new float[groups], groups);
        var grouped = Reshape(x, 0, groups, -1);
        var normalised = Node("Reshape", [Node("InstanceNormalization", [grouped, one, zero], ("epsilon", epsilon)), Shape(x)]);
        return Add(Mul(normalised, Reshape(scale, 1, -1, 1, 1)), Reshape(bias, 1, -1, 1, 1));
    }

    /// <summary>Layer normalisation over the last axis; scale and bias have that axis' size.</summary>
    public OnnxValue LayerNorm(OnnxValue x, OnnxValue scale, OnnxValue? bias, float epsilon = 1e-5f) =>
        Node("LayerNormalization", bias is { } b ? [x, scale, b] : [x, scale], ("axis", -1L), ("epsilon", epsilon));

    /// <summary>Layer normalisation over the last axis of size <paramref name="width"/>, without scale and bias.</summary>
    public OnnxValue LayerNorm(OnnxValue x, int width, float epsilon = 1e-5f)
    {
        string key = $"ones:{width}";
        if (!_constants.TryGetValue(key, out var one))
        {
            float[] ones = new float[width];
            Array.Fill(ones, 1f);
            _constants[key] = one = Weight<float>(Fresh("const"), ones, width);
        }

        return LayerNorm(x, one, null, epsilon);
    }

    public OnnxValue Softmax(OnnxValue x, int axis = -1) => Node("Softmax", [x], ("axis", (long)axis));

    public OnnxValue LogSoftmax(OnnxValue x, int axis = -1) => Node("LogSoftmax", [x], ("axis", (long)axis));

    /// <summary>Running sum along an axis.</summary>
    public OnnxValue CumSum(OnnxValue x, int axis) => Node("CumSum", [x, Scalar((long)axis)]);

    public OnnxValue ReduceSum(OnnxValue x, bool keepDims, params ReadOnlySpan<long> axes) =>
        Node("ReduceSum", [x, Constant(axes)], ("keepdims", keepDims ? 1L : 0L));

    public OnnxValue ReduceMean(OnnxValue x, bool keepDims, params ReadOnlySpan<long> axes) =>
        Node("ReduceMean", [x, Constant(axes)], ("keepdims", keepDims ? 1L : 0L));

    public OnnxValue ReduceMax(OnnxValue x, bool keepDims, params ReadOnlySpan<long> axes) =>
        Node("ReduceMax", [x, Constant(axes)], ("keepdims", keepDims ? 1L : 0L));

    /// <summary>Index (Int64) of the largest element along an axis, the first of equals.</summary>
    public OnnxValue ArgMax(OnnxValue x, int axis = -1, bool keepDims = false) =>
        Node("ArgMax", [x], ("axis", (long)axis), ("keepdims", keepDims ? 1L : 0L));

    /// <summary>Entries of <paramref name="data"/> along an axis; the index' shape replaces that axis.</summary>
    public OnnxValue Gather(OnnxValue data, OnnxValue indices, int axis = 0) => Node("Gather", [data, indices], ("axis", (long)axis));

    public OnnxValue Concat(int axis, params ReadOnlySpan<OnnxValue> parts) => Node("Concat", parts, ("axis", (long)axis));

    /// <summary>Splits an axis into parts of the given sizes.</summary>
    public OnnxValue[] Split(OnnxValue x, int axis, params ReadOnlySpan<long> sizes) =>
        Nodes("Split", sizes.Length, [x, Constant(sizes)], ("axis", (long)axis));

    /// <summary>Reshapes; 0 keeps the input's dimension at that place, −1 is worked out.</summary>
    public OnnxValue Reshape(OnnxValue x, params ReadOnlySpan<long> shape) => Node("Reshape", [x, Constant(shape)]);

    public OnnxValue Transpose(OnnxValue x, params ReadOnlySpan<long> permutation) => Node("Transpose", [x], ("perm", permutation.ToArray()));

    public OnnxValue Unsqueeze(OnnxValue x, params ReadOnlySpan<long> axes) => Node("Unsqueeze", [x, Constant(axes)]);

    public OnnxValue Squeeze(OnnxValue x, params ReadOnlySpan<long> axes) => Node("Squeeze", [x, Constant(axes)]);

    /// <summary>Elements <paramref name="start"/> … <paramref name="end"/> − 1 (by <paramref name="step"/>) of an axis; negative numbers count from the end.</summary>
    public OnnxValue Slice(OnnxValue x, int axis, long start, long end, long step = 1) =>
        Node("Slice", [x, Constant(start), Constant(end), Constant(axis), Constant(step)]);

    /// <summary>Dimensions of x, Int64.</summary>
    public OnnxValue Shape(OnnxValue x) => Node("Shape", [x]);

    /// <summary>Repeats x along its axes of size 1 (or by added leading ones) to a shape that the graph computes.</summary>
    public OnnxValue Expand(OnnxValue x, OnnxValue shape) => Node("Expand", [x, shape]);

    /// <summary>Pads with zeros: <paramref name="pads"/> is the amount before each axis, then after each.</summary>
    public OnnxValue Pad(OnnxValue x, params ReadOnlySpan<long> pads) => Node("Pad", [x, Constant(pads)]);

    /// <summary>Enlarges [N, C, H, W] by a whole factor, repeating pixels.</summary>
    public OnnxValue UpsampleNearest(OnnxValue x, int factor)
    {
        string key = $"scales:{factor}";
        if (!_constants.TryGetValue(key, out var scales))
            _constants[key] = scales = Weight<float>(Fresh("const"), [1f, 1f, factor, factor], 4);
        return Node("Resize", [x, s_none, scales], ("mode", "nearest"), ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor"));
    }
}
