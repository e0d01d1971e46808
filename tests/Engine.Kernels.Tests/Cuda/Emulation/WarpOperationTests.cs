using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Philox;

namespace Engine.Kernels.Tests.Cuda.Emulation;

/// <summary>Tensor-core operations, matrix loads, shuffles and conversions against plain arithmetic and the layouts of the PTX ISA.</summary>
public sealed class WarpOperationTests
{
    private const string Source = """
        ENGINE_KERNEL(multiply, (uint32_t* words, float* d, int type)) {
          const int lane = threadIdx.x;
          uint32_t a[4], b[2];
          float sum[4];
          for (int i = 0; i < 4; i++) a[i] = words[lane * 6 + i];
          for (int i = 0; i < 2; i++) b[i] = words[lane * 6 + 4 + i];
          for (int i = 0; i < 4; i++) sum[i] = d[lane * 4 + i];
          if (type == 0) multiply_add_bfloat16(sum, a, b[0], b[1]);
          if (type == 1) multiply_add_half16(sum, a, b[0], b[1]);
          if (type == 2) multiply_add_float8(sum, a, b[0], b[1]);
          for (int i = 0; i < 4; i++) d[lane * 4 + i] = sum[i];
        }

        ENGINE_KERNEL(load, (uint32_t* y)) {
          ENGINE_SHARED(uint16_t, tile, 32 * 8);
          for (int i = 0; i < 8; i++) tile[threadIdx.x * 8 + i] = threadIdx.x * 8 + i;
          __syncwarp();
          uint32_t one[1], two[2], four[4];
          uint32_t* to = y + threadIdx.x * 14;
          load_matrix_x1(one, tile + 8 * (threadIdx.x % 8));
          *to++ = one[0];
          load_matrix_x2(two, tile + 8 * (threadIdx.x % 16));
          for (int i = 0; i < 2; i++) *to++ = two[i];
          load_matrix_x4(four, tile + 8 * threadIdx.x);
          for (int i = 0; i < 4; i++) *to++ = four[i];
          load_matrix_x1_transposed(one, tile + 8 * (threadIdx.x % 8));
          *to++ = one[0];
          load_matrix_x2_transposed(two, tile + 8 * (threadIdx.x % 16));
          for (int i = 0; i < 2; i++) *to++ = two[i];
          load_matrix_x4_transposed(four, tile + 8 * threadIdx.x);
          for (int i = 0; i < 4; i++) *to++ = four[i];
        }

        ENGINE_KERNEL(shuffles, (int* y)) {
          const int lane = threadIdx.x % 32;
          int* to = y + threadIdx.x * 8;
          to[0] = __shfl_xor_sync(ENGINE_FULL_WARP, lane, 5);
          to[1] = __shfl_up_sync(ENGINE_FULL_WARP, lane, 3, 8);
          to[2] = __shfl_down_sync(ENGINE_FULL_WARP, lane, 3, 16);
          to[3] = __shfl_sync(ENGINE_FULL_WARP, lane, 9, 4);
          to[4] = __ballot_sync(ENGINE_FULL_WARP, lane % 3 == 0);
          to[5] = static_cast<int>(warp_sum(static_cast<float>(lane)));
          to[6] = static_cast<int>(warp_max<8>(static_cast<float>(lane)));
          to[7] = __any_sync(ENGINE_FULL_WARP, lane == 31) + 2 * __all_sync(ENGINE_FULL_WARP, lane < 31);
        }

        ENGINE_KERNEL(widen, (float* y, int type)) {
          const int i = blockIdx.x * 256 + threadIdx.x;
          y[i] = type == 0 ? to_float(bfloat16{static_cast<uint16_t>(i)}) : type == 1 ? to_float(half16{static_cast<uint16_t>(i)}) : to_float(float8{static_cast<uint8_t>(i)});
        }

        ENGINE_KERNEL(narrow, (float* y, int type)) {
          const int i = blockIdx.x * 256 + threadIdx.x;
          y[i] = type == 0 ? to_float(to_bfloat16(y[i])) : type == 1 ? to_float(to_half16(y[i])) : to_float(to_float8(y[i]));
        }

        ENGINE_KERNEL(normals, (float* y, uint32_t low, uint32_t high, uint32_t stream, uint32_t environment, uint32_t episode, uint32_t step)) {
          const philox_key key{low, high, stream, environment, episode, step};
          const int i = blockIdx.x * 64 + threadIdx.x;
          float x[4];
          philox_normals(key, philox_stream(key), i, x);
          for (int k = 0; k < 4; k++) y[4 * i + k] = x[k];
        }
        """;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_multiply_add_of_documented_fragments_is_the_matrix_product(int type)
    {
        using var text = new KernelText(Source);
        int perWord = type == 2 ? 4 : 2, depth = 8 * perWord;
        var random = new PhiloxRandom(new PhiloxKey(3, PhiloxStream.Latent, (uint)type));
        float[,] a = Random(16), b = Random(8), c = new float[16, 8];
        var words = new uint[32 * 6];
        var sums = new float[32 * 4];
        for (int row = 0; row < 16; row++)
        {
            for (int column = 0; column < 8; column++) c[row, column] = random.NextFloat(-1, 1);
        }

        // PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type" and "… for mma.m16n8k32".
        for (int lane = 0; lane < 32; lane++)
        {
            int group = lane >> 2, inGroup = lane % 4;
            for (int i = 0; i < 4 * perWord; i++)
            {
                int row = i / perWord % 2 == 0 ? group : group + 8, column = inGroup * perWord + i % perWord + (i < 2 * perWord ? 0 : depth / 2);
                words[lane * 6 + i / perWord] |= Bits(a[row, column]) << (32 / perWord * (i % perWord));
            }

            for (int i = 0; i < 2 * perWord; i++)
            {
                int row = inGroup * perWord + i % perWord + (i < perWord ? 0 : depth / 2);
                words[lane * 6 + 4 + i / perWord] |= Bits(b[group, row]) << (32 / perWord * (i % perWord));
            }

            for (int i = 0; i < 4; i++) sums[lane * 4 + i] = c[i < 2 ? group : group + 8, inGroup * 2 + (i & 1)];
        }

        foreach (EmulationOrder order in Enum.GetValues<EmulationOrder>())
        {
            using DeviceBuffer<float> d = text.Upload(sums);
            text.Run("multiply", words, 32, order, more: [d, type]);
            float[] result = text.Read(d);
            for (int lane = 0; lane < 32; lane++)
            {
                for (int i = 0; i < 4; i++)
                {
                    int row = i < 2 ? lane >> 2 : (lane >> 2) + 8, column = lane % 4 * 2 + (i & 1);
                    double expected = c[row, column];
                    for (int k = 0; k < depth; k++) expected += (double)a[row, k] * b[column, k];
                    Assert.Equal((float)expected, result[lane * 4 + i]);
                }
            }
        }

        float[,] Random(int rows)
        {
            var matrix = new float[rows, depth];
            for (int row = 0; row < rows; row++)
            {
                // Multiples of 1/8 below 2 are exact in all three formats, and so is the sum of their products in double.
                for (int k = 0; k < depth; k++) matrix[row, k] = (random.NextInt(31) - 15) / 8f;
            }

            return matrix;
        }

        uint Bits(float value) => type switch
        {
            0 => BitConverter.SingleToUInt32Bits(value) >> 16,
            1 => BitConverter.HalfToUInt16Bits((Half)value),
            _ => Float8Bits(value),
        };
    }

    [Fact]
    public void A_matrix_load_gives_each_lane_the_documented_pair()
    {
        using var text = new KernelText(Source);
        uint[] result = text.Run("load", new uint[32 * 14], 32);
        for (int lane = 0; lane < 32; lane++)
        {
            int at = lane * 14;
            foreach (bool transposed in new[] { false, true })
            {
                foreach (int count in new[] { 1, 2, 4 })
                {
                    for (int matrix = 0; matrix < count; matrix++, at++)
                    {
                        // The number at (row, column) of matrix m is m · 64 + row · 8 + column.
                        int row = lane / 4, column = lane % 4 * 2;
                        int first = transposed ? column * 8 + row : row * 8 + column, second = transposed ? (column + 1) * 8 + row : row * 8 + column + 1;
                        Assert.Equal((uint)(matrix * 64 + first | matrix * 64 + second << 16), result[at]);
                    }
                }
            }
        }
    }

    [Fact]
    public void Shuffles_votes_and_reductions_go_where_they_should()
    {
        using var text = new KernelText(Source);
        foreach (EmulationOrder order in Enum.GetValues<EmulationOrder>())
        {
            int[] result = text.Run("shuffles", new int[96 * 8], 96, order);
            for (int thread = 0; thread < 96; thread++)
            {
                int lane = thread % 32;
                Assert.Equal(
                    [lane ^ 5, lane % 8 < 3 ? lane : lane - 3, lane % 16 > 12 ? lane : lane + 3, lane / 4 * 4 + 1, 0x49249249, 496, lane / 8 * 8 + 7, 1],
                    result[(thread * 8)..(thread * 8 + 8)]);
            }
        }
    }

    [Fact]
    public void Small_formats_widen_as_IEEE_and_OCP_say()
    {
        using var text = new KernelText(Source);
        float[] wide = text.Run("widen", new float[65536], 256, blocks: 256, more: 0), half = text.Run("widen", new float[65536], 256, blocks: 256, more: 1);
        for (int i = 0; i < 65536; i++)
        {
            Assert.Equal(BitConverter.UInt32BitsToSingle((uint)i << 16), wide[i]);
            Assert.Equal((float)BitConverter.UInt16BitsToHalf((ushort)i), half[i]);
        }

        Assert.Equal(Enumerable.Range(0, 256).Select(Float8), text.Run("widen", new float[256], 256, more: 2));
    }

    [Fact]
    public void Rounding_to_a_small_format_is_to_nearest_ties_to_even()
    {
        using var text = new KernelText(Source);
        float[] values = new float[4096];
        Philox.FillNormal(values, new PhiloxKey(9, PhiloxStream.Latent));
        for (int i = 0; i < values.Length; i++) values[i] *= MathF.Pow(2, i % 60 - 30);
        for (int i = 0; i < 256; i++)
        {
            // Every number of the smallest format, and the middle to the next: ties.
            values[i] = Float8(i & 127);
            values[i + 256] = 0.5f * (Float8(i & 127) + Float8(Math.Min((i & 127) + 1, 126)));
        }

        float[] bfloat = text.Run("narrow", values, 256, blocks: 16, more: 0), half = text.Run("narrow", values, 256, blocks: 16, more: 1);
        float[] eight = text.Run("narrow", values, 256, blocks: 16, more: 2);
        for (int i = 0; i < values.Length; i++)
        {
            Assert.Equal(Bfloat16.From(values[i]).ToSingle(), bfloat[i]);
            Assert.Equal((float)(Half)values[i], half[i]);
            Assert.Equal(float.IsNaN(values[i]) ? float.NaN : Float8((int)Float8Bits(values[i])), eight[i]);
        }
    }

    [Fact]
    public void Noise_is_the_processors()
    {
        using var text = new KernelText(Source);
        var key = new PhiloxKey(0x0123456789ABCDEF, PhiloxStream.DreamNoise, 3, 5, 7);
        float[] expected = new float[65536];
        Philox.FillNormal(expected, key);
        float[] actual = text.Run("normals", new float[65536], 64, blocks: 256, more: [(uint)key.Seed, (uint)(key.Seed >> 32), key.Stream, key.Environment, key.Episode, key.Step]);
        Guarded.Near(expected, actual, 1e-6f, 4e-7f, "normals");
    }

    /// <summary>OCP's e4m3: bias 7, no infinities, 127 is NaN.</summary>
    private static float Float8(int bits)
    {
        int exponent = bits >> 3 & 15, mantissa = bits & 7;
        if ((bits & 127) == 127) return float.NaN;
        float magnitude = exponent == 0 ? mantissa / 512f : (8 + mantissa) * MathF.Pow(2, exponent - 10);
        return bits >> 7 == 1 ? -magnitude : magnitude;
    }

    /// <summary>The nearest of all numbers of the format, of two equally near ones the even; what is beyond the greatest becomes that.</summary>
    private static uint Float8Bits(float value)
    {
        uint best = 0;
        for (uint bits = 1; bits < 127; bits++)
        {
            float distance = MathF.Abs(Float8((int)bits) - MathF.Abs(value)), least = MathF.Abs(Float8((int)best) - MathF.Abs(value));
            if (distance < least || (distance == least && (bits & 1) == 0)) best = bits;
        }

        return float.IsNegative(value) ? best | 128 : best;
    }
}
