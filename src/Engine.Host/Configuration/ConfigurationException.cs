namespace Engine.Host.Configuration;

/// <summary>A configuration that cannot be used. The message says where (file, line, column or override), what was expected and what came.</summary>
public sealed class ConfigurationException : Exception
{
    public ConfigurationException(string message)
        : base(message)
    {
    }

    public ConfigurationException()
    {
    }

    public ConfigurationException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
