namespace Engine.Host.Serving;

/// <summary>The sessions of a server's policies: the first at every path but <c>/policies/name</c>, where the others are.</summary>
internal sealed class WebSocketPaths(WebSocketSessions first, IReadOnlyDictionary<string, WebSocketSessions> others)
{
    private const string Prefix = "/policies/";

    /// <summary>The server takes no new sessions.</summary>
    internal bool Draining => first.Draining;

    /// <summary>Whose sessions a path has; null where no policy has its name.</summary>
    internal WebSocketSessions? At(string path)
    {
        if (!path.StartsWith(Prefix, StringComparison.Ordinal)) return first;
        int query = path.IndexOf('?');
        return others.GetValueOrDefault(query < 0 ? path[Prefix.Length..] : path[Prefix.Length..query]);
    }

    /// <summary>From now on no session is taken.</summary>
    internal void Drain()
    {
        first.Drain();
        foreach (var other in others.Values) other.Drain();
    }

    /// <summary>Lets requests in progress finish and their replies leave; cuts what has not ended when the limit comes.</summary>
    internal Task EndAsync(CancellationToken limit) => Task.WhenAll(others.Values.Append(first).Select(sessions => sessions.EndAsync(limit)));
}
