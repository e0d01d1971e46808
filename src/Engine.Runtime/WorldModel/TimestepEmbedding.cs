namespace Engine.Runtime.WorldModel;

/// <summary>Sinusoidal embedding of diffusion time: cos(t·f) ‖ sin(t·f), f_i = 10000^(−i / 128).</summary>
public static class TimestepEmbedding
{
    /// <summary>Numbers in an embedding.</summary>
    public const int Width = 256;

    /// <summary>Writes the embedding of one time step, [256].</summary>
    public static void Write(int t, Span<float> destination)
    {
        const int Half = Width / 2;
        if (destination.Length < Width) throw new ArgumentException($"destination must hold {Width} numbers, it holds {destination.Length}.", nameof(destination));
        for (int i = 0; i < Half; i++)
        {
            // The original computes frequency and angle in float32.
            float angle = t * (float)Math.Exp(-Math.Log(10000) * i / Half);
            destination[i] = (float)Math.Cos(angle);
            destination[Half + i] = (float)Math.Sin(angle);
        }
    }
}
