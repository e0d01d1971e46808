using System.Security.Cryptography;
using System.Text;

namespace Engine.Host.Serving;

/// <summary>The server's token, where it has one, compared in constant time.</summary>
internal sealed class AccessToken(string? token)
{
    private readonly byte[]? _hash = token is null ? null : SHA256.HashData(Encoding.UTF8.GetBytes(token));

    /// <summary>Whether clients have to send it.</summary>
    internal bool Required => _hash is not null;

    /// <summary>Whether a client that sent this may come in. Hashes have one length, so the comparison tells nothing about the token's.</summary>
    internal bool Admits(string? sent) => _hash is null || (sent is not null && Admits(Encoding.UTF8.GetBytes(sent)));

    /// <summary>The same for its UTF-8.</summary>
    internal bool Admits(ReadOnlySpan<byte> sent) => _hash is null || CryptographicOperations.FixedTimeEquals(SHA256.HashData(sent), _hash);

    /// <summary>The same for the value of an <c>authorization</c> header: <c>Bearer …</c> or <c>Api-Key …</c>.</summary>
    internal bool AdmitsHeader(string header)
    {
        if (_hash is null) return true;
        int space = header.IndexOf(' ');
        return space >= 0 && header[..space] is "Bearer" or "Api-Key" or "bearer" or "api-key" && Admits(header[(space + 1)..].Trim());
    }
}
