namespace Engine.Training.Torch;

/// <summary>libtorch refused a call; the message names the operator, the shapes and types it was given and libtorch's reason.</summary>
public sealed class TorchException : Exception
{
    /// <summary>An exception without a message.</summary>
    public TorchException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public TorchException(string message) : base(message)
    {
    }

    /// <summary>An exception with a message and its cause.</summary>
    public TorchException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
