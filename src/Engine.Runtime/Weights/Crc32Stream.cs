namespace Engine.Runtime.Weights;

/// <summary>Reads through to another stream and keeps the CRC-32 of what was read. Does not own the other stream.</summary>
internal sealed class Crc32Stream(Stream source) : Stream
{
    /// <summary>CRC-32 of all bytes read so far.</summary>
    public uint Checksum { get; private set; }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        int count = source.Read(buffer);
        Checksum = Crc32.Append(Checksum, buffer[..count]);
        return count;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
