namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>From camera images to the tensors that vision encoders expect.</summary>
public static class ImageAdapter
{
    /// <summary>u8 [H, W, 3] to float32 [3, H, W] in [−1, 1]: <c>(v/255 − 0.5)/0.5</c>.</summary>
    /// <exception cref="ArgumentException">A length does not fit the size.</exception>
    public static void ToSignedPlanes(ReadOnlySpan<byte> image, int height, int width, Span<float> planes)
    {
        int pixels = checked(height * width);
        if (image.Length != pixels * 3) throw new ArgumentException($"the image has {image.Length} bytes, expected {height}·{width}·3", nameof(image));
        if (planes.Length != pixels * 3) throw new ArgumentException($"the planes have {planes.Length} numbers, expected 3·{height}·{width}", nameof(planes));
        for (int pixel = 0; pixel < pixels; pixel++)
        {
            for (int channel = 0; channel < 3; channel++)
                planes[channel * pixels + pixel] = (float)((image[pixel * 3 + channel] / 255.0 - 0.5) / 0.5);
        }
    }
}
