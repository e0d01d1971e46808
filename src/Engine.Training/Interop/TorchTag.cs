namespace Engine.Training.Interop;

/// <summary>What a <see cref="TorchValue"/> holds; the numbers of <c>eng_torch_tag</c>.</summary>
internal enum TorchTag
{
    None = 0,
    Tensor = 1,
    Int = 2,
    Double = 3,
    Bool = 4,
    IntList = 5,
    TensorList = 6,
    String = 7,
    Default = 8,
    Device = 9,
}
