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
    [InlineData("bench", "dream")]
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
    public async Task Kernels_are_timed_on_an_emulated_GPU()
    {
        Assert.SkipWhen(EmulationCompiler.TryFind() is null, "no g++: a GPU is not emulated");
        string output = await Bench("cuda", "--size", "tiny", "--environments", "1");
        foreach (string part in new[] { "| queries, keys, values [4, 64] · [64, 192] |", "| spatial attention, N 4, 4 heads × 16 |", "| GAE [64, 64] with returns |" })
            Assert.Contains(part, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dreams_on_an_emulated_GPU_are_held_against_the_processors_before_they_are_timed()
    {
        Assert.SkipWhen(EmulationCompiler.TryFind() is null, "no g++: a GPU is not emulated");
        string output = await Bench("dream", "--size", "tiny", "--environments", "1", "2", "--pairs", "1");
        foreach (string line in new[] { @"\| exact \| 1 \|", @"\| streaming \| 1 \|", @"\| exact \| 2 \|", @"\| streaming \| 2 \|" })
        {
            var found = System.Text.RegularExpressions.Regex.Match(output, line + @"( [^|]+\|){5} ([\d.]+e-\d) \|");
            Assert.True(found.Success, output);
            Assert.InRange(double.Parse(found.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture), 1e-4, 0.01);
        }
    }

    private static async Task<string> Bench(string what, params string[] options)
    {
        var (output, errors) = (new StringWriter(), new StringWriter());
        int status = await CommandLine.RunAsync(["bench", what, "--device", "emulated", "--quiet", .. options], output, errors);
        Assert.True(status == 0, errors.ToString());
        return output.ToString();
    }
}
