using Engine.Kernels.Ops.Philox;

namespace Engine.Tests.Shared;

/// <summary>Damaged copies of good bytes, for readers that must survive them. The same random stream gives the same damage.</summary>
public static class Damage
{
    private static readonly uint[] s_edges = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF];

    /// <summary>One to three changes: bits, bytes, cuts, insertions, removals, runs of edge values, a number at the edge of its type, a piece of the bytes twice.</summary>
    public static byte[] Of(byte[] good, PhiloxRandom random)
    {
        List<byte> bytes = [.. good];
        int changes = 1 + random.NextInt(3);
        for (int change = 0; change < changes && bytes.Count > 0; change++)
        {
            int at = random.NextInt(bytes.Count);
            int length = Math.Min(1 + random.NextInt(16), bytes.Count - at);
            switch (random.NextInt(8))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.NextInt(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.NextInt(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 3:
                    bytes.InsertRange(at, Enumerable.Range(0, length).Select(_ => (byte)random.NextInt(256)));
                    break;
                case 4:
                    bytes.RemoveRange(at, length);
                    break;
                case 5:
                    bytes.InsertRange(random.NextInt(bytes.Count), bytes.GetRange(at, length));
                    break;
                case 6:
                    byte[] edge = BitConverter.GetBytes(s_edges[random.NextInt(s_edges.Length)]);
                    if (random.NextInt(2) == 0) Array.Reverse(edge);
                    for (int i = 0; i < Math.Min(length, 4); i++) bytes[at + i] = edge[i];
                    break;
                default:
                    for (int i = 0; i < length; i++) bytes[at + i] = random.NextInt(2) == 0 ? (byte)255 : (byte)127;
                    break;
            }
        }

        return [.. bytes];
    }
}
