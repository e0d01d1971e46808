using System.Buffers;
using Engine.Runtime.Contract;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Engine.Host.Serving.LeRobot;

/// <summary>
/// LeRobot's asynchronous inference over gRPC, service <c>transport.AsyncInference</c>: Ready, SendPolicyInstructions, SendObservations, GetActions.
/// A connection is a session, from its first call on.
/// </summary>
internal sealed class LeRobotService(PolicyContract contract, ServeOptions options, InferenceQueue queue, ServingMetrics metrics, SessionSlots slots, AccessToken token)
{
    private const string Path = "/transport.AsyncInference/";
    private const int FramingBytes = 1 << 20, MaxInstructionBytes = 1 << 20, MaxEmptyBytes = 1 << 10;
    private const long Begin = 1, Middle = 2, End = 3;

    /// <summary>Cancelled when the server begins to end: calls that wait for an observation are answered then.</summary>
    internal CancellationToken Ending { get; set; }

    /// <summary>Runs a connection; its session ends with it.</summary>
    internal async Task RunConnectionAsync(ConnectionDelegate next, ConnectionContext connection)
    {
        var client = new Client();
        connection.Items[typeof(Client)] = client;

        // Kestrel itself waits for HTTP/2's preface, and for a first call, for minutes.
        using var handshake = new Timer(
            _ =>
            {
                if (client.Session is null) connection.Abort();
            },
            null, options.MessageTimeout, Timeout.InfiniteTimeSpan);
        try
        {
            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            lock (client)
            {
                client.Ended = true;
                if (client.Session is not null)
                {
                    client.Session.Close();
                    slots.Leave();
                    metrics.SessionClosed();
                }
            }
        }
    }

    /// <summary>Answers one call.</summary>
    internal async Task HandleAsync(HttpContext context)
    {
        if (!GrpcCall.IsOne(context.Request))
        {
            context.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return;
        }

        var call = new GrpcCall(context);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        try
        {
            if (!token.AdmitsHeader(context.Request.Headers.Authorization.ToString()))
            {
                metrics.Refused();
                throw new GrpcException(GrpcStatus.Unauthenticated, "send the server's token as metadata: authorization: Bearer …");
            }

            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = options.MaxMessageBytes + (long)FramingBytes;
            limit.CancelAfter(options.MessageTimeout);
            await AnswerAsync(context, call, limit.Token).ConfigureAwait(false);
        }
        catch (GrpcException error)
        {
            if (error.Status != GrpcStatus.Unauthenticated) metrics.Error();
            call.Fail(error.Status, error.Message);
        }
        catch (ObservationException error)
        {
            metrics.Error();
            call.Fail(GrpcStatus.InvalidArgument, error.Message);
        }
        catch (BadHttpRequestException error)
        {
            metrics.Error();
            call.Fail(GrpcStatus.ResourceExhausted, error.Message);
        }
        catch (OperationCanceledException) when (Ending.IsCancellationRequested)
        {
            call.Fail(GrpcStatus.Unavailable, "the server is shutting down");
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            metrics.Error();
            call.Fail(GrpcStatus.InvalidArgument, $"the request was not whole within {options.MessageTimeout.TotalSeconds} s");
        }
        catch (Exception error) when (error is not (OperationCanceledException or IOException))
        {
            metrics.Error();
            options.Log?.Invoke($"the policy failed: {error}");
            call.Fail(GrpcStatus.Internal, $"the policy failed: {error.Message}");
        }
    }

    private async Task AnswerAsync(HttpContext context, GrpcCall call, CancellationToken limit)
    {
        string path = context.Request.Path.Value ?? "";
        string method = path.StartsWith(Path, StringComparison.Ordinal) ? path[Path.Length..] : "";
        if (method is not ("Ready" or "SendPolicyInstructions" or "SendObservations" or "GetActions"))
            throw new GrpcException(GrpcStatus.Unimplemented, "here are transport.AsyncInference's Ready, SendPolicyInstructions, SendObservations and GetActions");
        var session = SessionOf(context);
        byte[] reply = [];
        switch (method)
        {
            case "Ready":
                await call.ReadOnlyOneAsync(MaxEmptyBytes, limit).ConfigureAwait(false);
                await session.ReadyAsync(limit).ConfigureAwait(false);
                break;
            case "GetActions":
                await call.ReadOnlyOneAsync(MaxEmptyBytes, limit).ConfigureAwait(false);
                using (var ending = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, Ending))
                {
                    if (await session.ActAsync(ending.Token).ConfigureAwait(false) is { } actions) reply = LeRobotProto.WriteActions(actions);
                }

                break;
            default:
                await session.Receiving.WaitAsync(limit).ConfigureAwait(false);
                try
                {
                    if (method == "SendObservations") session.Offer(await ReceiveAsync(call, limit).ConfigureAwait(false));
                    else session.Instruct(LeRobotProto.ReadSetup(await call.ReadOnlyOneAsync(MaxInstructionBytes, limit).ConfigureAwait(false)));
                }
                finally
                {
                    session.Receiving.Release();
                }

                break;
        }

        await call.ReplyAsync(reply).ConfigureAwait(false);
    }

    /// <summary>Puts an observation together from its chunks.</summary>
    private async Task<ReadOnlyMemory<byte>> ReceiveAsync(GrpcCall call, CancellationToken limit)
    {
        var whole = new ArrayBufferWriter<byte>();
        bool ended = false;
        while (await call.ReadAsync(options.MaxMessageBytes, limit).ConfigureAwait(false) is { } message)
        {
            var (state, data) = LeRobotProto.ReadObservation(message);
            if (ended) throw new GrpcException(GrpcStatus.InvalidArgument, "a chunk follows the last one");
            if (state is not (Begin or Middle or End)) throw new GrpcException(GrpcStatus.InvalidArgument, $"unknown transfer state {state}");
            if (state == Begin) whole.ResetWrittenCount();
            if (whole.WrittenCount + data.Length > options.MaxMessageBytes)
                throw new GrpcException(GrpcStatus.ResourceExhausted, $"an observation may have at most {options.MaxMessageBytes} bytes");
            whole.Write(data.Span);
            ended = state == End;
        }

        return ended ? whole.WrittenMemory : throw new GrpcException(GrpcStatus.InvalidArgument, "the observation's last chunk is missing");
    }

    private LeRobotSession SessionOf(HttpContext context)
    {
        var client = (Client)context.Features.GetRequiredFeature<IConnectionItemsFeature>().Items[typeof(Client)]!;
        lock (client)
        {
            if (client.Session is not null) return client.Session;
            if (client.Ended || !slots.TryEnter())
            {
                metrics.Refused();
                throw new GrpcException(GrpcStatus.ResourceExhausted, "too many sessions");
            }

            return client.Session = new LeRobotSession(contract, new PolicySession(contract, options, queue, metrics.SessionOpened()), metrics);
        }
    }

    /// <summary>What a connection carries.</summary>
    private sealed class Client
    {
        internal LeRobotSession? Session { get; set; }

        internal bool Ended { get; set; }
    }
}
