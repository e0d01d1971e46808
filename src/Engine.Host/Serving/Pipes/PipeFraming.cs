using System.Text;
using Engine.Client;

namespace Engine.Host.Serving.Pipes;

/// <summary>What is checked of a client's frame before anyone looks inside.</summary>
internal static class PipeFraming
{
    /// <summary>Reads a header and says what is wrong with it; an announced payload that could not be right is refused before it is waited for.</summary>
    internal static PipeFaultException? Check(ReadOnlySpan<byte> head, bool welcomed, PipeLayout layout, out PipeHeader header)
    {
        switch (PipeHeader.Read(head, out header))
        {
            case PipeHeaderFault.None:
                break;
            case PipeHeaderFault.Magic:
                return new PipeFaultException(PipeErrorCode.Malformed, "a frame begins with the four bytes ENGP", closes: true);
            case PipeHeaderFault.Version:
                return new PipeFaultException(PipeErrorCode.Version, $"this server speaks version {PipeHeader.Version}", closes: true);
            case PipeHeaderFault.Crc:
                return new PipeFaultException(PipeErrorCode.Malformed, "the header's CRC-32C is wrong", closes: true);
            default:
                return new PipeFaultException(PipeErrorCode.Malformed, "the header has a kind or flags that do not exist", closes: true);
        }

        long most = header.Kind switch
        {
            PipeKind.Observe when welcomed => layout.ObservationBytes,
            PipeKind.Hello => PipeHello.Head + PipeHello.MaxTokenBytes,
            _ => 0,
        };
        return header.Length <= most
            ? null
            : new PipeFaultException(PipeErrorCode.TooLarge, $"{header.Kind} announces {header.Length} bytes; at most {most} are possible here", closes: true);
    }

    /// <summary>Compares the payload's checksum, where there is one.</summary>
    internal static void CheckPayload(in PipeHeader header, ReadOnlySpan<byte> payload)
    {
        if (!IsPayloadSound(header, payload)) throw new PipeFaultException(PipeErrorCode.Malformed, "the payload's CRC-32C is wrong");
    }

    /// <summary>Whether the payload's checksum, where there is one, is right.</summary>
    internal static bool IsPayloadSound(in PipeHeader header, ReadOnlySpan<byte> payload) =>
        (header.Flags & PipeFlags.PayloadCrc) == 0 || Crc32C.Compute(payload) == header.PayloadCrc;

    /// <summary>Writes an error's text, cut to the room there is; gives its length.</summary>
    internal static int WriteError(string text, Span<byte> destination)
    {
        Encoding.UTF8.GetEncoder().Convert(text, destination, flush: true, out _, out int bytes, out _);
        return bytes;
    }
}
