namespace Engine.Host.Tests.Serving.Protocols;

/// <summary>An array as a client describes it, which need not be true: numpy's dtype string, shape, bytes.</summary>
internal sealed record WireArray(string Dtype, long[] Shape, byte[] Data, bool Fortran = false);
