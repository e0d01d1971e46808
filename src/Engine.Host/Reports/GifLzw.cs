namespace Engine.Host.Reports;

/// <summary>The variable-length-code LZW compression of GIF images (GIF89a specification, appendix F).</summary>
internal static class GifLzw
{
    private const int CodeBits = 8;
    private const int Clear = 1 << CodeBits;
    private const int End = Clear + 1;
    private const int MaxCodes = 4096;

    /// <summary>Writes the code size, the sub-blocks and the end of 8-bit palette indices.</summary>
    public static void Write(Stream output, ReadOnlySpan<byte> indices)
    {
        output.WriteByte(CodeBits);
        var blocks = new BlockWriter(output);
        // The child of code c by index i is the code of "c's string, then i"; 0 means none yet (code 0 is never a child).
        var children = new ushort[MaxCodes * 256];
        int next = End + 1, size = CodeBits + 1;
        blocks.Write(Clear, size);
        if (indices.Length > 0)
        {
            int prefix = indices[0];
            foreach (byte index in indices[1..])
            {
                int child = children[prefix * 256 + index];
                if (child != 0)
                {
                    prefix = child;
                    continue;
                }

                blocks.Write(prefix, size);
                if (next == MaxCodes)
                {
                    blocks.Write(Clear, size);
                    Array.Clear(children);
                    (next, size) = (End + 1, CodeBits + 1);
                }
                else
                {
                    // The reader learns a code one step later than we do: it widens when our table already holds the first wider code.
                    if (next == 1 << size) size++;
                    children[prefix * 256 + index] = (ushort)next++;
                }

                prefix = index;
            }

            blocks.Write(prefix, size);
            if (next == 1 << size && size < 12) size++;
        }

        blocks.Write(End, size);
        blocks.Finish();
    }

    /// <summary>Packs codes, lowest bit first, into blocks of at most 255 bytes.</summary>
    private sealed class BlockWriter(Stream output)
    {
        private readonly byte[] _block = new byte[256];
        private int _length;
        private uint _bits;
        private int _count;

        public void Write(int code, int size)
        {
            _bits |= (uint)code << _count;
            _count += size;
            while (_count >= 8)
            {
                Put((byte)_bits);
                _bits >>= 8;
                _count -= 8;
            }
        }

        public void Finish()
        {
            if (_count > 0) Put((byte)_bits);
            Flush();
            output.WriteByte(0);
        }

        private void Put(byte value)
        {
            _block[++_length] = value;
            if (_length == 255) Flush();
        }

        private void Flush()
        {
            if (_length == 0) return;
            _block[0] = (byte)_length;
            output.Write(_block, 0, _length + 1);
            _length = 0;
        }
    }
}
