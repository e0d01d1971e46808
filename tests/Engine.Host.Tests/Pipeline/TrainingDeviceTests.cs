using System.Text.Json;
using Engine.Host.Commands;
using Engine.Host.Tests.Commands;
using Engine.Host.Tests.Evaluation;
using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Interop;
using Engine.Training.Torch;

namespace Engine.Host.Tests.Pipeline;

/// <summary><c>--device</c> of the training verbs.</summary>
public sealed class TrainingDeviceTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("engine-device-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    /// <summary>Everything that trains and dreams, up to PPO, on a device that is not the processor. In a process of its own, in which nothing was trained before.</summary>
    [Fact]
    public async Task Every_training_runs_on_another_device_and_learns_the_same()
    {
        UntrainedPolicy.Require();
        Assert.SkipWhen(NativeLibraryLocator.TryFind("eng_torch_emulated") is null, "the emulated device is built for the system's libtorch only");
        Assert.SkipWhen(EmulationCompiler.TryFind() is null, "the emulated device compiles kernels with g++, which is not on this machine");
        string config = Path.Combine(_root, "config.yaml"), here = Path.Combine(_root, "cpu"), there = Path.Combine(_root, "emulated");
        File.WriteAllText(config, TinyRun.Settings);
        using var error = new StringWriter();
        Assert.True(await CommandLine.RunAsync(["train", "policy", "--quiet", "--out", here, "--config", config, "--seed", "5"], TextWriter.Null, error) == 0, error.ToString());
        using var program = new ProgramProcess("train", "online", "--quiet", "--out", there, "--config", config, "--seed", "5", "--device", "emulated");
        var (status, said) = await program.EndAsync();
        Assert.True(status == 0, said);
        foreach (string stage in (string[])["autoencoder", "clone"])
        {
            float[] expected = Losses(here, stage), actual = Losses(there, stage);
            Assert.Equal(expected.Length, actual.Length);
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-3f * Math.Abs(pair.First)));
        }

        Assert.True(Result(there, "online").GetProperty("ran").GetBoolean());
        Assert.Equal(3, Result(there, "online").GetProperty("iterations").GetArrayLength());
    }

    [Fact]
    public async Task A_device_that_is_not_there_is_said_before_anything_is_made()
    {
        Assert.SkipWhen(TorchRuntime.HasCuda, "this libtorch has CUDA");
        string folder = Path.Combine(_root, "run");
        using var error = new StringWriter();
        Assert.Equal(1, await CommandLine.RunAsync(["train", "world-model", "--out", folder, "--device", "cuda"], TextWriter.Null, error));
        Assert.Contains("was built without CUDA; set ENGINE_TORCH_ROOT", error.ToString());
        Assert.Single(error.ToString().Trim().Split('\n'));
        Assert.False(File.Exists(Path.Combine(folder, "config.yaml")));
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:x")]
    public async Task A_name_that_is_none_is_a_wrong_call(string name)
    {
        using var error = new StringWriter();
        Assert.Equal(2, await CommandLine.RunAsync(["train", "reward", "--out", Path.Combine(_root, "run"), $"device={name}"], TextWriter.Null, error));
        Assert.Contains("expected cpu, cuda", error.ToString());
    }

    private static float[] Losses(string folder, string stage) => [.. Result(folder, stage).GetProperty("losses").EnumerateArray().Select(loss => loss.GetSingle())];

    private static JsonElement Result(string folder, string stage) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "stages", stage + ".json"))).RootElement.GetProperty("result");
}
