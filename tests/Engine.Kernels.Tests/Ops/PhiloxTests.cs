using Engine.Kernels.Ops.Philox;

namespace Engine.Kernels.Tests.Ops;

public class PhiloxTests
{
    /// <summary>Known answers of the authors' Random123 1.14 (kat_vectors, philox4x32 10).</summary>
    [Fact]
    public void Blocks_equal_the_published_answers()
    {
        Assert.Equal((0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u), Philox.Block(0, 0, 0, 0, 0, 0));
        const uint F = uint.MaxValue;
        Assert.Equal((0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu), Philox.Block(F, F, F, F, F, F));
        Assert.Equal(
            (0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u),
            Philox.Block(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0));
    }

    [Fact]
    public void Fills_are_prefixes_of_one_stream()
    {
        var key = new PhiloxKey(1, PhiloxStream.DreamNoise, 2, 3, 4);
        float[] normal = new float[257], uniform = new float[257];
        Philox.FillNormal(normal, key);
        Philox.FillUniform(uniform, key);
        for (int length = 0; length < 257; length++)
        {
            var part = new float[length];
            Philox.FillNormal(part, key);
            Assert.Equal(normal[..length], part);
            Philox.FillUniform(part, key);
            Assert.Equal(uniform[..length], part);
        }
    }

    [Fact]
    public void Normal_numbers_have_the_moments_of_the_normal_distribution()
    {
        var values = new float[400_000];
        Philox.FillNormal(values, new PhiloxKey(1, PhiloxStream.Latent));
        double mean = values.Average(v => (double)v), variance = values.Average(v => (v - mean) * (v - mean));
        Assert.InRange(mean, -0.008, 0.008);
        Assert.InRange(variance, 0.99, 1.01);
        Assert.InRange(values.Average(v => (double)v * v * v * v), 2.9, 3.1);
    }
}
