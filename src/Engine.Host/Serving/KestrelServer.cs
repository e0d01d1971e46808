using System.Net;
using Engine.Host.Serving.LeRobot;
using Engine.Host.Serving.OpenPi;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Engine.Host.Serving;

/// <summary>Kestrel on the port of HTTP and WebSocket and, where the options ask for it, on that of gRPC.</summary>
internal sealed class KestrelServer
{
    private readonly WebApplication _application;

    private KestrelServer(WebApplication application) => _application = application;

    /// <summary>The port of HTTP and WebSocket.</summary>
    internal int Port { get; private init; }

    /// <summary>The port of gRPC, 0 where there is none.</summary>
    internal int GrpcPort { get; private init; }

    /// <summary>Listens.</summary>
    /// <exception cref="IOException">A port is taken.</exception>
    internal static async Task<KestrelServer> StartAsync(ServeOptions options, RequestDelegate http, WebSocketDoors doors, LeRobotService leRobot, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IHostLifetime, CallersLifetime>();
        builder.WebHost.UseKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaxMessageBytes;
            kestrel.Limits.MaxRequestHeadersTotalSize = 64 << 10;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.MaxConcurrentConnections = options.MaxSessions + 64;
            kestrel.Listen(options.Certificate is null ? new WebSocketDoors.Place(options.Address, options.Port) : new IPEndPoint(options.Address, options.Port), listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                if (options.Certificate is { } certificate) listen.UseHttps(certificate);
            });

            // Without TLS one port cannot tell HTTP/1.1 from HTTP/2, so gRPC has its own.
            if (options.GrpcPort is not { } grpcPort) return;
            kestrel.Listen(options.Address, grpcPort, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                if (options.Certificate is { } certificate) listen.UseHttps(certificate);
                listen.Use(next => connection => leRobot.RunConnectionAsync(next, connection));
            });
        });
        builder.Services.AddSingleton<IConnectionListenerFactory>(doors);
        var application = builder.Build();
        try
        {
            application.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(30) });
            application.Run(context => HttpProtocol.IsHttp2(context.Request.Protocol) ? leRobot.HandleAsync(context) : http(context));
            leRobot.Ending = application.Lifetime.ApplicationStopping;
            await application.StartAsync(cancellationToken).ConfigureAwait(false);
            var addresses = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
            return new KestrelServer(application)
            {
                Port = new Uri(addresses.First()).Port,
                GrpcPort = options.GrpcPort is null ? 0 : new Uri(addresses.Last()).Port,
            };
        }
        catch
        {
            await application.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Stops listening, and closes connections, at the latest when the limit comes.</summary>
    internal async Task StopAsync(CancellationToken limit)
    {
        try
        {
            await _application.StopAsync(limit).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Kestrel has aborted what was left.
        }

        await _application.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Signals are the program's business, not the server's.</summary>
    private sealed class CallersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
