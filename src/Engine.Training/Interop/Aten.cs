namespace Engine.Training.Interop;

/// <summary>The ATen operators in use, by their schema names.</summary>
internal static class Aten
{
    // Arithmetic.
    public static readonly Operator
        Add = new("add", "Tensor"), AddScalar = new("add", "Scalar"),
        Subtract = new("sub", "Tensor"), SubtractScalar = new("sub", "Scalar"), ReverseSubtract = new("rsub", "Scalar"),
        Multiply = new("mul", "Tensor"), MultiplyScalar = new("mul", "Scalar"),
        Divide = new("div", "Tensor"), DivideScalar = new("div", "Scalar"), Reciprocal = new("reciprocal"),
        Negate = new("neg"), MatMul = new("matmul"),
        Minimum = new("minimum"), Maximum = new("maximum");

    // Element by element.
    public static readonly Operator
        Exp = new("exp"), Log = new("log"), Sqrt = new("sqrt"), Rsqrt = new("rsqrt"), Sin = new("sin"), Cos = new("cos"),
        Sigmoid = new("sigmoid"), Tanh = new("tanh"), Relu = new("relu"), Silu = new("silu"), Gelu = new("gelu"),
        LogSigmoid = new("log_sigmoid"), Softplus = new("softplus"), Abs = new("abs"), Square = new("square"),
        Pow = new("pow", "Tensor_Scalar"), Clamp = new("clamp"),
        MaskedFill = new("masked_fill", "Scalar"), Where = new("where", "self"), Detach = new("detach"), Clone = new("clone");

    // Comparison.
    public static readonly Operator
        Gt = new("gt", "Tensor"), GtScalar = new("gt", "Scalar"), Lt = new("lt", "Tensor"), LtScalar = new("lt", "Scalar"),
        Ge = new("ge", "Tensor"), GeScalar = new("ge", "Scalar"), Le = new("le", "Tensor"), LeScalar = new("le", "Scalar"),
        Eq = new("eq", "Tensor"), EqScalar = new("eq", "Scalar"), Ne = new("ne", "Tensor"), NeScalar = new("ne", "Scalar"),
        LogicalAnd = new("logical_and"), LogicalOr = new("logical_or"), LogicalNot = new("logical_not");

    // Shape.
    public static readonly Operator
        Transpose = new("transpose", "int"), Permute = new("permute"), Reshape = new("reshape"), View = new("view"),
        Narrow = new("narrow"), Slice = new("slice", "Tensor"), Select = new("select", "int"), IndexSelect = new("index_select"),
        Gather = new("gather"), Unsqueeze = new("unsqueeze"), Squeeze = new("squeeze", "dim"), Expand = new("expand"),
        Flatten = new("flatten", "using_ints"), Chunk = new("chunk"), Split = new("split", "Tensor"), Cat = new("cat"),
        Stack = new("stack"), Flip = new("flip"), Repeat = new("repeat"), Tril = new("tril"), Triu = new("triu");

    // Reduction.
    public static readonly Operator
        Softmax = new("softmax", "int"), LogSoftmax = new("log_softmax", "int"), LogSumExp = new("logsumexp"),
        Sum = new("sum"), SumDim = new("sum", "dim_IntList"), Mean = new("mean"), MeanDim = new("mean", "dim"),
        VarDim = new("var", "dim"), Var = new("var"), Std = new("std"), AMax = new("amax"), AMin = new("amin"), ArgMax = new("argmax"),
        Max = new("max"), Min = new("min"), CumSum = new("cumsum");

    // In place.
    public static readonly Operator
        AddInPlace = new("add_", "Tensor"), MultiplyInPlaceScalar = new("mul_", "Scalar"), CopyInPlace = new("copy_"),
        ZeroInPlace = new("zero_"), FillInPlace = new("fill_", "Scalar");

    // Creation.
    public static readonly Operator ZerosLike = new("zeros_like"), OnesLike = new("ones_like"), Arange = new("arange");

    // Layers and losses.
    public static readonly Operator
        Linear = new("linear"), Conv2d = new("conv2d"), ConvTranspose2d = new("conv_transpose2d", "input"),
        LayerNorm = new("layer_norm"), PixelShuffle = new("pixel_shuffle"),
        PixelUnshuffle = new("pixel_unshuffle"), Embedding = new("embedding"), MseLoss = new("mse_loss"),
        BinaryCrossEntropyWithLogits = new("binary_cross_entropy_with_logits"), CrossEntropy = new("cross_entropy_loss"),
        ReplicationPad2d = new("replication_pad2d"), AvgPool2d = new("avg_pool2d"), UpsampleNearest2d = new("upsample_nearest2d"),
        Qr = new("linalg_qr"), Diagonal = new("diagonal");
}
