namespace Engine.Runtime.Onnx;

/// <content>The causal decoder, unrolled over the action tokens with its key-value cache.</content>
public sealed partial class VlaPolicyGraph
{
    /// <summary>Classes [B, H·A] and logits [B, H·A, bins] from fused features [B, hidden].</summary>
    private (OnnxValue Classes, OnnxValue Logits) Decode(OnnxValue fused)
    {
        int dim = _weights.Dim, count = _weights.ActionTokens, prefix = _weights.PrefixTokens;

        // Keys are kept transposed, [B, heads, D/heads, T]: a new token's are a reshape of its projection, and no step transposes.
        var keys = new OnnxValue[_weights.Layers];
        var values = new OnnxValue[_weights.Layers];
        var x = _graph.Add(_graph.Reshape(Linear("prefix", fused), 0, prefix, dim), Weight("prefix_positions"));
        for (int layer = 0; layer < _weights.Layers; layer++) x = Prefill(layer, x, out keys[layer], out values[layer]);

        var context = Linear("context", fused);
        var table = _graph.Weight<float>("value.table", _weights.ValueTable(), _weights.Bins, dim);
        var draws = _graph.Split(_uniforms, 1, Enumerable.Repeat(1L, count).ToArray());
        var classes = new OnnxValue[count];
        var logits = new OnnxValue[count];
        for (int i = 0; i < count; i++)
        {
            x = _graph.Add(context, _graph.Weight<float>($"action_positions.{i}", _weights.Values("action_positions").AsSpan(i * dim, dim), 1, dim));
            if (i > 0) x = _graph.Add(x, _graph.Gather(table, _graph.Reshape(classes[i - 1], -1)));
            for (int layer = 0; layer < _weights.Layers; layer++) x = Extend(layer, x, ref keys[layer], ref values[layer]);
            var scores = Linear("head", _graph.LayerNorm(x, Weight("norm.weight"), Weight("norm.bias")));
            classes[i] = Pick(scores, draws[i]);
            logits[i] = _graph.Unsqueeze(scores, 1);
        }

        return (_graph.Concat(1, classes), _graph.Concat(1, logits));
    }

    /// <summary>The prefix [B, P, D] through one layer, under a causal mask.</summary>
    private OnnxValue Prefill(int layer, OnnxValue x, out OnnxValue keys, out OnnxValue values)
    {
        int heads = _shape.Heads, dim = _weights.Dim, size = dim / heads, prefix = _weights.PrefixTokens;
        string at = $"layers.{layer}";
        var qkv = _graph.MatMul(Norm(at + ".norm1", x), Projection(layer, transposed: true));
        var parts = _graph.Split(_graph.Reshape(qkv, 0, prefix, 3 * heads, size), 2, heads, heads, heads);
        var queries = _graph.Transpose(parts[0], 0, 2, 1, 3);
        keys = _graph.Transpose(parts[1], 0, 2, 3, 1);
        values = _graph.Transpose(parts[2], 0, 2, 1, 3);
        if (layer == _weights.Layers - 1) return x;

        if (!_written.TryGetValue("mask", out var mask))
        {
            float[] allowed = new float[prefix * prefix];
            for (int i = 0; i < allowed.Length; i++) allowed[i] = i % prefix > i / prefix ? float.NegativeInfinity : 0;
            _written["mask"] = mask = _graph.Weight<float>("mask", allowed, prefix, prefix);
        }

        var attended = _graph.MatMul(_graph.Softmax(_graph.Add(_graph.MatMul(queries, keys), mask)), values);
        attended = _graph.Reshape(_graph.Transpose(attended, 0, 2, 1, 3), 0, prefix, dim);
        x = _graph.Add(x, Rows(at + ".out", attended));
        return _graph.Add(x, Rows(at + ".down", _graph.Gelu(Rows(at + ".up", Norm(at + ".norm2", x)), tanh: true)));
    }

    /// <summary>One more token [B, D] through one layer; the cache grows by it.</summary>
    private OnnxValue Extend(int layer, OnnxValue x, ref OnnxValue keys, ref OnnxValue values)
    {
        int heads = _shape.Heads, dim = _weights.Dim, size = dim / heads;
        string at = $"layers.{layer}";
        var parts = _graph.Split(_graph.Gemm(Norm(at + ".norm1", x), Projection(layer, transposed: false), transposeB: true), 1, dim, dim, dim);
        keys = _graph.Concat(3, keys, _graph.Reshape(parts[1], 0, heads, size, 1));
        values = _graph.Concat(2, values, _graph.Reshape(parts[2], 0, heads, 1, size));
        var attended = _graph.MatMul(_graph.Softmax(_graph.MatMul(_graph.Reshape(parts[0], 0, heads, 1, size), keys)), values);
        x = _graph.Add(x, Linear(at + ".out", _graph.Reshape(attended, 0, dim)));
        return _graph.Add(x, Linear(at + ".down", _graph.Gelu(Linear(at + ".up", Norm(at + ".norm2", x)), tanh: true)));
    }

    /// <summary>The class [B, 1] of logits [B, bins]: the most probable, or where the temperature is positive the one drawn by a uniform number.</summary>
    private OnnxValue Pick(OnnxValue logits, OnnxValue draw)
    {
        var cumulative = _graph.CumSum(_graph.Softmax(_graph.Mul(logits, _inverseTemperature), 1), 1);
        var below = _graph.ReduceSum(_graph.Cast(_graph.Less(cumulative, draw), OnnxElementType.Int64), true, 1);
        var drawn = _graph.Min(below, _graph.Scalar((long)_weights.Bins - 1));
        return _graph.Where(_sampling, drawn, _graph.ArgMax(logits, 1, keepDims: true));
    }

    private OnnxValue Norm(string layer, OnnxValue x) => _graph.LayerNorm(x, Weight(layer + ".weight"), Weight(layer + ".bias"));

    /// <summary>The projection to queries, keys and values, the attention's scale folded into the queries'.</summary>
    private OnnxValue Projection(int layer, bool transposed)
    {
        string name = $"layers.{layer}.qkv.{(transposed ? "transposed" : "scaled")}";
        if (_written.TryGetValue(name, out var weight)) return weight;
        int dim = _weights.Dim;
        float[] scaled = (float[])_weights.Values($"layers.{layer}.qkv.weight").Clone();
        double scale = 1 / Math.Sqrt(dim / (double)_shape.Heads);
        for (int i = 0; i < dim * dim; i++) scaled[i] = (float)(scaled[i] * scale);
        return _written[name] = transposed
            ? _graph.Weight<float>(name, VlaWeights.Transpose(scaled, 3 * dim, dim), dim, 3 * dim)
            : _graph.Weight<float>(name, scaled, 3 * dim, dim);
    }
}
