using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Engine.Host.Serving.LeRobot;

/// <summary>
/// One gRPC call over HTTP/2 (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md): messages behind a byte that says whether they are compressed (they may
/// not be) and their length in four bytes, most significant first; the outcome in trailers.
/// </summary>
internal sealed class GrpcCall(HttpContext context)
{
    private const int PrefixSize = 5;

    /// <summary>Whether a request is meant as a gRPC call.</summary>
    internal static bool IsOne(HttpRequest request) =>
        request.Method == "POST" && request.ContentType is { } type && type.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase);

    /// <summary>The request's next message of at most so many bytes, or null after the last.</summary>
    /// <exception cref="GrpcException">It is cut short, too large or compressed.</exception>
    internal async Task<byte[]?> ReadAsync(int maxBytes, CancellationToken cancellationToken)
    {
        PipeReader body = context.Request.BodyReader;
        var read = await body.ReadAtLeastAsync(PrefixSize, cancellationToken).ConfigureAwait(false);
        if (read.Buffer.Length < PrefixSize)
        {
            bool end = read.Buffer.IsEmpty;
            body.AdvanceTo(read.Buffer.End);
            return end ? null : throw CutShort();
        }

        (bool compressed, uint length) = Prefix(read.Buffer);
        body.AdvanceTo(read.Buffer.GetPosition(PrefixSize));
        if (compressed) throw new GrpcException(GrpcStatus.Unimplemented, "compressed messages are not accepted");
        if (length > maxBytes) throw new GrpcException(GrpcStatus.ResourceExhausted, $"a message may have at most {maxBytes} bytes");
        if (length == 0) return [];
        read = await body.ReadAtLeastAsync((int)length, cancellationToken).ConfigureAwait(false);
        if (read.Buffer.Length < length)
        {
            body.AdvanceTo(read.Buffer.End);
            throw CutShort();
        }

        byte[] message = read.Buffer.Slice(0, length).ToArray();
        body.AdvanceTo(read.Buffer.GetPosition(length));
        return message;
    }

    /// <summary>The only message of a request that has one.</summary>
    /// <exception cref="GrpcException">There is none, or more than one.</exception>
    internal async Task<byte[]> ReadOnlyOneAsync(int maxBytes, CancellationToken cancellationToken)
    {
        byte[] message = await ReadAsync(maxBytes, cancellationToken).ConfigureAwait(false) ?? throw new GrpcException(GrpcStatus.InvalidArgument, "the request has no message");
        return await ReadAsync(0, cancellationToken).ConfigureAwait(false) is null
            ? message
            : throw new GrpcException(GrpcStatus.InvalidArgument, "the request has more than one message");
    }

    /// <summary>Answers with one message and status 0.</summary>
    internal async Task ReplyAsync(ReadOnlyMemory<byte> message)
    {
        context.Response.ContentType = "application/grpc";
        var prefix = context.Response.BodyWriter.GetMemory(PrefixSize);
        prefix.Span[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(prefix.Span[1..], (uint)message.Length);
        context.Response.BodyWriter.Advance(PrefixSize);
        await context.Response.BodyWriter.WriteAsync(message, context.RequestAborted).ConfigureAwait(false);
        context.Response.AppendTrailer("grpc-status", "0");
    }

    /// <summary>Answers with a status and a sentence alone: headers that end the stream. Says nothing where a reply has begun.</summary>
    internal void Fail(GrpcStatus status, string message)
    {
        if (context.Response.HasStarted) return;
        context.Response.ContentType = "application/grpc";
        context.Response.Headers["grpc-status"] = ((int)status).ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["grpc-message"] = PercentEncoded(message);
    }

    private static (bool Compressed, uint Length) Prefix(in ReadOnlySequence<byte> buffer)
    {
        Span<byte> prefix = stackalloc byte[PrefixSize];
        buffer.Slice(0, PrefixSize).CopyTo(prefix);
        return (prefix[0] != 0, BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]));
    }

    private static GrpcException CutShort() => new(GrpcStatus.InvalidArgument, "a message is cut short");

    private static string PercentEncoded(string text)
    {
        var encoded = new StringBuilder();
        foreach (byte b in Encoding.UTF8.GetBytes(text.Length > 1024 ? text[..1024] : text))
        {
            if (b is >= 0x20 and <= 0x7E and not (byte)'%') encoded.Append((char)b);
            else encoded.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        }

        return encoded.ToString();
    }
}
