using System.Buffers;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Contract;
using Microsoft.AspNetCore.Http;

namespace Engine.Host.Serving.OpenVla;

/// <summary>
/// OpenVLA's <c>POST /act</c>: a JSON object with json_numpy arrays (<c>image</c>, <c>instruction</c>, and <c>state</c> where the policy takes one)
/// gives the first action [A], float64, or the whole chunk [H, A] where the policy plans several. A request <c>{"encoded": "…"}</c>
/// holds the object as a string and is answered with a string.
/// </summary>
internal static class OpenVlaEndpoint
{
    internal static async Task HandleAsync(HttpContext context, PolicyContract contract, ServeOptions options, InferenceQueue queue, ServingMetrics metrics, long number)
    {
        long received = Stopwatch.GetTimestamp();
        bool encoded = false;
        try
        {
            object? body = JsonNumpy.Read(await ReadAsync(context, options.MaxMessageBytes).ConfigureAwait(false));
            if (body is MsgPackMap { Count: 1 } envelope && envelope.TryGet("encoded", out string? inner))
            {
                encoded = true;
                body = JsonNumpy.Read(Encoding.UTF8.GetBytes(inner));
            }

            if (body is not MsgPackMap observation) throw new ObservationException("expected an object with 'image' and 'instruction'");
            var session = new PolicySession(contract, options, queue, number);
            await session.InferAsync(observation).ConfigureAwait(false);

            int width = contract.ActionNames.Length;
            double[] actions = Array.ConvertAll(session.Actions, a => (double)a);
            long[] shape = contract.ActionHorizon == 1 ? [width] : [contract.ActionHorizon, width];
            byte[] reply = JsonNumpy.ToBytes(new NumpyArray(NumpyDtype.Float64, shape, MemoryMarshal.AsBytes<double>(actions).ToArray()));
            if (encoded) reply = JsonNumpy.ToBytes(Encoding.UTF8.GetString(reply));
            await WriteAsync(context, StatusCodes.Status200OK, reply).ConfigureAwait(false);
            metrics.Request(Stopwatch.GetElapsedTime(received));
        }
        catch (Exception error) when (error is ObservationException or MsgPackException)
        {
            await FailAsync(context, options, metrics, StatusCodes.Status400BadRequest, error.Message).ConfigureAwait(false);
        }
        catch (BadHttpRequestException error)
        {
            await FailAsync(context, options, metrics, error.StatusCode, error.Message).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            options.Log?.Invoke($"the policy failed: {error}");
            await FailAsync(context, options, metrics, StatusCodes.Status500InternalServerError, $"the policy failed: {error.Message}").ConfigureAwait(false);
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContext context, int maxBytes)
    {
        var buffer = new ArrayBufferWriter<byte>();
        while (true)
        {
            int read = await context.Request.Body.ReadAsync(buffer.GetMemory(64 << 10), context.RequestAborted).ConfigureAwait(false);
            if (read == 0) return buffer.WrittenMemory;
            buffer.Advance(read);
            if (buffer.WrittenCount > maxBytes)
                throw new BadHttpRequestException($"a request may have at most {maxBytes} bytes", StatusCodes.Status413PayloadTooLarge);
        }
    }

    private static Task FailAsync(HttpContext context, ServeOptions options, ServingMetrics metrics, int status, string message)
    {
        metrics.Error();
        return options.OpenVlaCompatibility
            ? WriteAsync(context, StatusCodes.Status200OK, "\"error\""u8.ToArray())
            : WriteAsync(context, status, JsonNumpy.ToBytes(new MsgPackMap { ["error"] = message }));
    }

    private static async Task WriteAsync(HttpContext context, int status, byte[] json)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        await context.Response.Body.WriteAsync(json, context.RequestAborted).ConfigureAwait(false);
    }
}
