namespace Engine.Host.Serving.LeRobot;

/// <summary>A call fails with a status; the text is meant for the client.</summary>
internal sealed class GrpcException(GrpcStatus status, string message) : Exception(message)
{
    internal GrpcStatus Status { get; } = status;
}
