using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Host.Serving.OpenPi;

/// <summary>Tells Kestrel which of its endpoints has a <see cref="WebSocketDoor"/>.</summary>
internal sealed class WebSocketDoors(Func<UpgradeRequest, bool> admits, Func<UpgradeRequest, Socket, Task> serve) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    /// <summary>An endpoint that has one.</summary>
    internal sealed class Place(IPAddress address, int port) : IPEndPoint(address, port);

    public bool CanBind(EndPoint endpoint) => endpoint is Place;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult<IConnectionListener>(WebSocketDoor.Listen((Place)endpoint, admits, serve, NullLogger.Instance));
}
