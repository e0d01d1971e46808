using Engine.Host.Commands;
using Engine.Kernels.Devices.Cuda;
using Engine.Runtime.Weights;
using Engine.Tests.Shared;

namespace Engine.Host.Tests.Commands;

/// <summary><c>--device</c>, as far as it goes without a GPU.</summary>
public class DeviceTests
{
    [Theory]
    [InlineData("bench", "worldmodel")]
    [InlineData("bench", "cuda")]
    [InlineData("worldmodel", "generate")]
    [InlineData("rollout")]
    public async Task Without_a_GPU_one_sentence_says_so(params string[] verb)
    {
        Assert.SkipWhen(LibCudaDriver.TryLoad(out _) is not null, "there is a GPU on this machine");
        var errors = new StringWriter();
        Assert.Equal(1, await CommandLine.RunAsync([.. verb, "--device", "cuda", "--quiet"], new StringWriter(), errors));
        Assert.Equal("engine: --device cuda: there is no CUDA driver on this machine (libcuda.so.1 cannot be loaded).", errors.ToString().Trim());
    }

    [Fact]
    public async Task An_unknown_device_is_named_with_what_there_is()
    {
        var errors = new StringWriter();
        Assert.Equal(2, await CommandLine.RunAsync(["bench", "worldmodel", "--device", "gpu"], new StringWriter(), errors));
        Assert.Contains("--device is 'gpu'; expected cpu, cuda, or cuda:1, cuda:2 …", errors.ToString(), StringComparison.Ordinal);
        errors = new StringWriter();
        Assert.Equal(2, await CommandLine.RunAsync(["bench", "worldmodel", "--device", "cuda", "--precision", "bfloat16"], new StringWriter(), errors));
        Assert.Contains("on a GPU matrices are always bfloat16", errors.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_says_in_a_line_what_there_is_of_a_GPU()
    {
        Assert.SkipWhen(LibCudaDriver.TryLoad(out _) is not null, "there is a GPU on this machine");
        var output = new StringWriter();
        await CommandLine.RunAsync(["doctor"], output, new StringWriter());
        string[] lines = output.ToString().Split('\n');
        int heading = Array.IndexOf(lines, "GPU");
        Assert.Contains("there is no CUDA driver on this machine", lines[heading + 1], StringComparison.Ordinal);
        Assert.DoesNotContain("  ", lines[heading + 2].Trim(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sequences_are_generated_on_an_emulated_GPU_as_on_the_processor()
    {
        Assert.SkipWhen(EmulationCompiler.TryFind() is null, "no g++: a GPU is not emulated");
        async Task<float[]> Generate(string device)
        {
            string file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.npz");
            try
            {
                var errors = new StringWriter();
                int status = await CommandLine.RunAsync(
                    [
                        "worldmodel", "generate", "--model", Golden.Path("dit_config.json"), "--weights", Golden.Path("dit_weights.npz"), "--settings", Golden.Path("generate_config.json"),
                        "--case", "short", "--input", Golden.Path("generate.npz"), "--out", file, "--device", device,
                    ],
                    new StringWriter(), errors);
                Assert.True(status == 0, errors.ToString());
                return Npz.Read(file)["short.out"].ToFloat32();
            }
            finally
            {
                File.Delete(file);
            }
        }

        float[] processor = await Generate("cpu"), device = await Generate("emulated");
        double square = 0, total = 0;
        for (int i = 0; i < processor.Length; i++)
        {
            square += (double)(processor[i] - device[i]) * (processor[i] - device[i]);
            total += (double)processor[i] * processor[i];
        }

        Assert.InRange(Math.Sqrt(square / total), 1e-6, 0.01);
    }

    [Fact]
    public async Task The_benchmark_of_a_GPU_goes_its_whole_way_on_an_emulated_one()
    {
        Assert.SkipWhen(EmulationCompiler.TryFind() is null, "no g++: a GPU is not emulated");
        var (output, errors) = (new StringWriter(), new StringWriter());
        int status = await CommandLine.RunAsync(["bench", "cuda", "--device", "emulated", "--size", "tiny", "--environments", "1", "--quiet"], output, errors);
        Assert.True(status == 0, errors.ToString());
        foreach (string part in new[] { "| queries, keys, values [4, 64] · [64, 192] |", "| spatial attention, N 4, 4 heads × 16 |", "| GAE [64, 64] with returns |", "| exact | 1 |", "| streaming | 1 |" })
            Assert.Contains(part, output.ToString(), StringComparison.Ordinal);
    }
}
