namespace Engine.Host.Commands;

/// <summary>The call itself is wrong (options that exclude each other, a missing one): exit code 2 and a pointer to <c>--help</c>.</summary>
public sealed class UsageException : Exception
{
    public UsageException(string message)
        : base(message)
    {
    }

    public UsageException()
    {
    }

    public UsageException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
