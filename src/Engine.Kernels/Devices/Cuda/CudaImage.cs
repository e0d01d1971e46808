namespace Engine.Kernels.Devices.Cuda;

/// <summary>A compiled module: a cubin, or for the emulation a shared library.</summary>
/// <param name="Name">The kernel's source and constants, for messages.</param>
/// <param name="Path">The file in the cache.</param>
/// <param name="Bytes">Its contents; empty for a shared library, which is loaded from its file.</param>
public sealed record CudaImage(string Name, string Path, byte[] Bytes);
