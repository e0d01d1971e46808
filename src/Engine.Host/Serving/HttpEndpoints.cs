using System.Globalization;
using System.Net;
using Engine.Host.Serving.OpenPi;
using Engine.Host.Serving.OpenVla;
using Engine.Runtime.Contract;
using Microsoft.AspNetCore.Http;

namespace Engine.Host.Serving;

/// <summary>What the port of HTTP and WebSocket answers: token and origin first, then a page, OpenVLA's <c>POST /act</c>, or a session.</summary>
internal sealed class HttpEndpoints(
    PolicyContract contract, ServeOptions options, InferenceQueue queue, ServingMetrics metrics, AccessToken token, LiveSessions live, WebSocketPaths sessions)
{
    /// <summary>For requests that stand alone: there is no session to watch or to record.</summary>
    private readonly ServeOptions _standalone = options with { Recorder = null, Live = null, HideMissingState = true };

    /// <summary>Whether the client of a WebSocket may come in; takes its place where it may.</summary>
    internal bool Admits(UpgradeRequest request) =>
        token.AdmitsHeader(request.Authorization) && OriginAllowed(request.Origin, new HostString(request.Host)) && sessions.At(request.Path) is { } own && own.TryEnter();

    /// <summary>Answers one request, or serves a WebSocket until it ends.</summary>
    internal Task HandleAsync(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "/";
        if (path == "/healthz" && !context.WebSockets.IsWebSocketRequest) return TextAsync(context, StatusCodes.Status200OK, "OK\n");
        if (!token.AdmitsHeader(context.Request.Headers.Authorization.ToString()))
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            return RefuseAsync(context, StatusCodes.Status401Unauthorized, "send the server's token: Authorization: Bearer …\n");
        }

        if (context.WebSockets.IsWebSocketRequest) return WebSocketAsync(context);
        return (context.Request.Method, path) switch
        {
            ("GET", "/readyz") => sessions.Draining
                ? TextAsync(context, StatusCodes.Status503ServiceUnavailable, "shutting down\n")
                : TextAsync(context, StatusCodes.Status200OK, "ready\n"),
            ("GET", "/") => PageAsync(context),
            ("GET", "/live") => LiveAsync(context),
            ("GET", "/frame") => FrameAsync(context),
            ("GET", "/metrics") => TextAsync(context, StatusCodes.Status200OK, metrics.ToPrometheus()),
            ("POST", "/act") => ActAsync(context),
            (_, "/act") => TextAsync(context, StatusCodes.Status405MethodNotAllowed, "use POST\n"),
            _ => TextAsync(context, StatusCodes.Status404NotFound, "here are a WebSocket, POST /act, GET /, /live, /frame, /healthz, /readyz and /metrics\n"),
        };
    }

    private async Task ActAsync(HttpContext context)
    {
        long number = metrics.SessionOpened();
        try
        {
            await OpenVlaEndpoint.HandleAsync(context, contract, _standalone, queue, metrics, number).ConfigureAwait(false);
        }
        finally
        {
            metrics.SessionClosed();
        }
    }

    private Task WebSocketAsync(HttpContext context)
    {
        if (!OriginAllowed(context.Request.Headers.Origin.ToString(), context.Request.Host)) return RefuseAsync(context, StatusCodes.Status403Forbidden, "this origin may not connect\n");
        if (sessions.At(context.Request.Path.Value ?? "/") is not { } own) return RefuseAsync(context, StatusCodes.Status404NotFound, "no policy has this name\n");
        if (!own.TryEnter()) return RefuseAsync(context, StatusCodes.Status503ServiceUnavailable, sessions.Draining ? "shutting down\n" : "too many sessions\n");
        return own.RunAsync(context);
    }

    private bool OriginAllowed(string origin, HostString server)
    {
        if (origin.Length == 0 || options.AllowedOrigins.Contains(origin, StringComparer.OrdinalIgnoreCase)) return true;

        // The server's own pages: the same host, which must be an address or localhost, since a foreign name may be made to point here.
        string host = server.Host.Trim('[', ']');
        return (host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(host, out _))
            && Uri.TryCreate(origin, UriKind.Absolute, out var uri) && uri.Authority.Equals(server.Value, StringComparison.OrdinalIgnoreCase);
    }

    private static Task PageAsync(HttpContext context)
    {
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.Headers.ContentSecurityPolicy = LivePage.SecurityPolicy;
        return context.Response.WriteAsync(LivePage.Html);
    }

    private async Task LiveAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(live.ToJson()).ConfigureAwait(false);
    }

    private async Task FrameAsync(HttpContext context)
    {
        if (!long.TryParse(context.Request.Query["session"], NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            || live.Frame(number, context.Request.Query["camera"].ToString()) is not { } png)
        {
            await TextAsync(context, StatusCodes.Status404NotFound, "no such session or camera\n").ConfigureAwait(false);
            return;
        }

        context.Response.ContentType = "image/png";
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(png).ConfigureAwait(false);
    }

    private Task RefuseAsync(HttpContext context, int status, string text)
    {
        metrics.Refused();
        return TextAsync(context, status, text);
    }

    private static Task TextAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(text);
    }
}
