namespace Engine.Runtime.WorldModel;

/// <summary>Is shown the activations of a forward pass: <c>patch</c>, <c>cond</c>, <c>block3.spatial</c>, <c>block3.temporal</c>, <c>final</c>.</summary>
/// <param name="name">Which activation.</param>
/// <param name="batch">Index of the batch element.</param>
/// <param name="values">[T, tokens, width], or [T, D] for the conditioning; valid during the call only.</param>
public delegate void ActivationObserver(string name, int batch, ReadOnlySpan<float> values);
