using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;

namespace Engine.Host.Tests.Serving.LeRobot;

/// <summary>A gRPC client of one HTTP/2 connection that sends whatever bytes a test wants.</summary>
internal sealed class RawGrpc : IDisposable
{
    private readonly HttpClient _http;

    internal RawGrpc(int port, string? authorization = null, bool tls = false)
    {
        var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = false };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        _http = new HttpClient(handler)
        {
            BaseAddress = new Uri($"{(tls ? "https" : "http")}://127.0.0.1:{port}/transport.AsyncInference/"),
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = TimeSpan.FromMinutes(2),
        };
        if (authorization is not null) _http.DefaultRequestHeaders.TryAddWithoutValidation("authorization", authorization);
    }

    /// <summary>A message behind its prefix: 0 (not compressed), its length in four bytes, most significant first.</summary>
    internal static byte[] Framed(ReadOnlySpan<byte> message)
    {
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, message.Length);
        return [0, .. length, .. message];
    }

    /// <summary>Sends a body as it is; gives grpc-status, grpc-message and the body of the reply.</summary>
    internal async Task<(int Status, string Message, byte[] Reply)> CallAsync(string method, HttpContent content, string type = "application/grpc")
    {
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        using var request = new HttpRequestMessage(HttpMethod.Post, method) { Content = content, Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var response = await _http.SendAsync(request);
        byte[] reply = await response.Content.ReadAsByteArrayAsync();
        if (response.StatusCode != HttpStatusCode.OK) return (-(int)response.StatusCode, "", reply);
        Assert.Equal("application/grpc", response.Content.Headers.ContentType!.MediaType);
        string Value(string name) => response.TrailingHeaders.TryGetValues(name, out var trailers) ? trailers.Single()
            : response.Headers.TryGetValues(name, out var headers) ? headers.Single() : "";
        return (int.Parse(Value("grpc-status")), Uri.UnescapeDataString(Value("grpc-message")), reply);
    }

    internal async Task<(int Status, string Message, byte[] Reply)> CallAsync(string method, params byte[] body)
    {
        using var content = new ByteArrayContent(body);
        return await CallAsync(method, content);
    }

    /// <summary>Calls a method that must succeed; the reply's message.</summary>
    internal async Task<byte[]> GoodAsync(string method, byte[] body)
    {
        var (status, message, reply) = await CallAsync(method, body);
        Assert.Equal((0, ""), (status, message));
        Assert.Equal(reply.Length - 5, BinaryPrimitives.ReadInt32BigEndian(reply.AsSpan(1)));
        return reply[5..];
    }

    public void Dispose() => _http.Dispose();
}
