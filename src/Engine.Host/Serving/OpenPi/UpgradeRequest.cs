using System.Security.Cryptography;
using System.Text;

namespace Engine.Host.Serving.OpenPi;

/// <summary>
/// The head of an HTTP request for a WebSocket in the plain form that programs send. What is anything else, or wrong, is none: Kestrel judges it.
/// </summary>
internal sealed record UpgradeRequest(string Path, string Host, string Key, string Authorization, string Origin)
{
    private const string Salt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    private const int KeyBytes = 16;

    /// <summary>The answer that accepts it (RFC 6455, 4.2.2).</summary>
    internal byte[] Acceptance =>
        Encoding.ASCII.GetBytes($"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {Accept}\r\n\r\n");

    /// <summary>The key's hash that the client expects. SHA-1 is the standard's; nothing is kept secret by it.</summary>
#pragma warning disable CA5350
    private string Accept => Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(Key + Salt)));
#pragma warning restore CA5350

    /// <summary>Reads a head; <paramref name="length"/> is its length with the empty line. Null where it is not whole, or not of the plain form.</summary>
    internal static UpgradeRequest? Read(ReadOnlySpan<byte> bytes, out int length)
    {
        int end = bytes.IndexOf("\r\n\r\n"u8);
        length = end + 4;
        if (end < 0 || bytes[..end].ContainsAnyExceptInRange((byte)0x09, (byte)0x7E)) return null;
        string[] lines = Encoding.ASCII.GetString(bytes[..end]).Split("\r\n");
        if (!(lines[0].Split(' ') is ["GET", ['/', ..] path, "HTTP/1.1"])) return null;
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (string line in lines.AsSpan(1))
        {
            int colon = line.IndexOf(':');
            if (colon < 1 || line.AsSpan(0, colon).ContainsAny(" \t\r\n") || !headers.TryAdd(line[..colon], line[(colon + 1)..].Trim())) return null;
        }

        string key = Value("Sec-WebSocket-Key");
        Span<byte> decoded = stackalloc byte[KeyBytes + 2];
        bool plain = Value("Upgrade").Equals("websocket", StringComparison.OrdinalIgnoreCase)
            && Value("Connection").Split(',').Any(token => token.Trim().Equals("Upgrade", StringComparison.OrdinalIgnoreCase))
            && Value("Sec-WebSocket-Version") == "13" && Convert.TryFromBase64String(key, decoded, out int count) && count == KeyBytes
            && Value("Host").Length > 0 && Value("Content-Length").Length == 0 && Value("Transfer-Encoding").Length == 0;
        return plain ? new UpgradeRequest(path, Value("Host"), key, Value("Authorization"), Value("Origin")) : null;

        string Value(string name) => headers.GetValueOrDefault(name, "");
    }
}
