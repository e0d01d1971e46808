namespace Engine.Host.Serving.LeRobot;

/// <summary>
/// The messages of <c>transport.AsyncInference</c> in proto3: <c>Observation {transfer_state = 1; data = 2}</c>, <c>PolicySetup {data = 1}</c>,
/// <c>Actions {data = 1}</c> and <c>Empty {}</c>. Fields that are not known are skipped.
/// </summary>
internal static class LeRobotProto
{
    /// <summary>Reads an Observation; data stands over the message.</summary>
    /// <exception cref="GrpcException">It is malformed.</exception>
    internal static (long TransferState, ReadOnlyMemory<byte> Data) ReadObservation(ReadOnlyMemory<byte> message) => Read(message, numberField: 1, bytesField: 2);

    /// <summary>Reads a PolicySetup's data.</summary>
    /// <exception cref="GrpcException">It is malformed.</exception>
    internal static ReadOnlyMemory<byte> ReadSetup(ReadOnlyMemory<byte> message) => Read(message, numberField: 0, bytesField: 1).Bytes;

    /// <summary>Writes Actions.</summary>
    internal static byte[] WriteActions(ReadOnlySpan<byte> data)
    {
        List<byte> length = [];
        uint left = (uint)data.Length;
        for (; left >= 0x80; left >>= 7) length.Add((byte)(left | 0x80));
        return [0x0A, .. length, (byte)left, .. data];
    }

    private static (long Number, ReadOnlyMemory<byte> Bytes) Read(ReadOnlyMemory<byte> message, int numberField, int bytesField)
    {
        long number = 0;
        ReadOnlyMemory<byte> bytes = default;
        for (int at = 0; at < message.Length;)
        {
            ulong tag = Varint(message.Span, ref at);
            ulong field = tag >> 3;
            switch (tag & 7)
            {
                case 0:
                    long value = (long)Varint(message.Span, ref at);
                    if (field == (ulong)numberField) number = value;
                    break;
                case 1:
                    Take(message, 8, ref at);
                    break;
                case 2:
                    var taken = Take(message, Varint(message.Span, ref at), ref at);
                    if (field == (ulong)bytesField) bytes = taken;
                    break;
                case 5:
                    Take(message, 4, ref at);
                    break;
                default:
                    throw Malformed();
            }

            if (field == 0) throw Malformed();
        }

        return (number, bytes);
    }

    private static ulong Varint(ReadOnlySpan<byte> message, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (at >= message.Length) throw Malformed();
            byte b = message[at++];
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }

        throw Malformed();
    }

    private static ReadOnlyMemory<byte> Take(ReadOnlyMemory<byte> message, ulong length, ref int at)
    {
        if (length > (ulong)(message.Length - at)) throw Malformed();
        var taken = message.Slice(at, (int)length);
        at += (int)length;
        return taken;
    }

    private static GrpcException Malformed() => new(GrpcStatus.InvalidArgument, "a message is no valid proto3");
}
