using Engine.Host.Commands;
using Engine.Host.Pipeline;
using Engine.Runtime.Contract;
using Engine.Tests.Shared;

namespace Engine.Host.Tests.Pipeline;

public sealed class FilmTests : IDisposable
{
    private static readonly string[] s_tiny =
        ["films.size=32", "autoencoder.steps=2", "autoencoder.batch=4", "autoencoder.width=8", "world_model.steps=2", "world_model.batch=2", "world_model.dim=32", "world_model.layers=1", "world_model.heads=2"];

    private readonly string _folder = Directory.CreateTempSubdirectory("engine-films-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("bridge_clips")]
    [InlineData("bridge_rlds")]
    public async Task A_world_model_is_trained_on_real_films_and_dreams_them_over_again(string name)
    {
        string data = FilmFolder(Golden.Data(name)), run = Path.Combine(_folder, "run"), gif = Path.Combine(_folder, "dream.gif");
        string[] train = ["train", "world-model", "--data", data, "--out", run, .. s_tiny];
        string output = await Call(train);
        Assert.Contains("horizon  8: dream", output, StringComparison.Ordinal);
        DateTime made = File.GetLastWriteTimeUtc(Path.Combine(run, "models", "world-model.safetensors"));

        output = await Call(["worldmodel", "generate", "--data", data, "--run", run, "--gif", gif, "--films", "2", "--frames", "5"]);
        Assert.Equal(2, output.Split('\n').Count(line => line.Contains(": 5 frames, dream", StringComparison.Ordinal)));
        Assert.Equal("GIF89a"u8.ToArray(), File.ReadAllBytes(gif)[..6]);

        await Call(train);
        Assert.Equal(made, File.GetLastWriteTimeUtc(Path.Combine(run, "models", "world-model.safetensors")));
    }

    [Fact]
    public void Scaled_films_stay_within_one_and_keep_their_proportions()
    {
        var film = new Episode
        {
            Instruction = "",
            Task = "bridge",
            Actor = "expert",
            Seed = 1,
            Success = true,
            Terminated = true,
            Images = [],
            States = new float[4, 8],
            Commands = new float[4, 7],
            Actions = new float[,] { { 2, 0, 0, 0, 0, 0.5f, 1 }, { 3, 0, 0, 0, 0, 0.5f, 0 }, { -1, 0, 0, 0, 0, -2, 1 } },
            Progress = [],
        };
        var scaled = FilmScale.Of([film]).Apply(film);
        Assert.Equal([0.4f, 1f, 0.8f], Enumerable.Range(1, 3).Select(t => MathF.Round(scaled.Commands[t, 0], 6)));
        Assert.Equal([0.5f, 1f, -1f], Enumerable.Range(1, 3).Select(t => MathF.Round(scaled.Commands[t, 5], 6)));
        Assert.Equal([1f, 0f, 1f], Enumerable.Range(1, 3).Select(t => scaled.Commands[t, 6]));
        Assert.Equal(0.6f, scaled.Actions[1, 0], 6);
    }

    [Theory]
    [InlineData("holds no films", "worldmodel", "generate", "--data", ".", "--gif", "x.gif")]
    [InlineData("--gif is missing", "worldmodel", "generate", "--data", ".")]
    [InlineData("--model is missing", "worldmodel", "generate")]
    public async Task What_is_missing_is_said(string message, params string[] arguments)
    {
        using var error = new StringWriter();
        Assert.NotEqual(0, await CommandLine.RunAsync(arguments, TextWriter.Null, error));
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
    }

    private static async Task<string> Call(string[] arguments)
    {
        using StringWriter output = new(), error = new();
        int code = await CommandLine.RunAsync(["--quiet", .. arguments], output, error);
        Assert.True(code == 0, error.ToString());
        return output.ToString();
    }

    /// <summary>RLDS keeps its files in a version folder.</summary>
    private static string FilmFolder(string data) =>
        Films.Are(data) ? data : Directory.EnumerateFiles(data, "features.json", SearchOption.AllDirectories).Select(file => Path.GetDirectoryName(file)!).First();
}
