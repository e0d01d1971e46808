namespace Engine.Runtime.Datasets;

/// <summary>One feature of an RLDS data set: its kind (<c>image</c>, <c>text</c> or <c>tensor</c>), shape and, for images, encoding.</summary>
/// <param name="Kind"><c>image</c>, <c>text</c> or <c>tensor</c>.</param>
/// <param name="Shape">Dimensions of one step's value; empty for scalars; −1 where it varies.</param>
/// <param name="Format"><c>jpeg</c> or <c>png</c> for images, the dtype for tensors.</param>
public sealed record RldsFeature(string Kind, long[] Shape, string Format);
