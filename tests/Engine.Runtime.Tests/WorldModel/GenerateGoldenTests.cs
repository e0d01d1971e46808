using System.Text.Json.Nodes;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.WorldModel;

public class GenerateGoldenTests
{
    public static TheoryData<string> Cases => ["short", "slide", "pyramid", "pyramid_win", "pixel_win", "b_slide", "b_pixel", "full_horizon"];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Generated_sequences_equal_the_original(string name)
    {
        string settings = Golden.Path("generate_config.json"), model = Model(settings, name), output = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.npz");
        try
        {
            new GenerateJob
            {
                ModelPath = Golden.Path($"{model}_config.json"),
                WeightsPath = Golden.Path($"{model}_weights.npz"),
                SettingsPath = settings,
                Case = name,
                InputPath = Golden.Path("generate.npz"),
                OutputPath = output,
            }.Run();
            NamedArray expected = Npz.Read(Golden.Path("generate.npz"))[$"{name}.out"], actual = Npz.Read(output)[$"{name}.out"];
            Assert.Equal(expected.Shape, actual.Shape);
            GoldenModel.Near(expected.ToFloat32(), actual.ToFloat32(), 2e-4f, 0, $"{name}.out");
        }
        finally
        {
            File.Delete(output);
        }
    }

    [Theory]
    [InlineData("short")]
    [InlineData("slide")]
    [InlineData("pixel_win")]
    [InlineData("b_slide")]
    public void Generator_with_horizon_one_equals_the_original_too(string name)
    {
        string settingsPath = Golden.Path("generate_config.json"), model = Model(settingsPath, name);
        GenerateSettings settings = GenerateSettings.Read(settingsPath, name);
        WorldModelConfig config = settings.Apply(GoldenModel.Config(model));
        Dictionary<string, NamedArray> golden = Npz.Read(Golden.Path("generate.npz"));
        using WorldModelWeights weights = GoldenModel.Load(model, config);
        using var generator = new WorldModelGenerator(weights, horizon: 1);
        NamedArray expected = golden[$"{name}.out"];
        var output = new float[expected.Count];
        generator.Generate(
            golden[$"{name}.context"].ToFloat32(), golden[$"{name}.actions"].ToFloat32(), golden[$"{name}.noise"].ToFloat32(),
            (int)expected.Shape[0], settings.NFrames, output);
        GoldenModel.Near(expected.ToFloat32(), output, 2e-4f, 0, $"{name}.out");
    }

    private static string Model(string settings, string name) =>
        JsonNode.Parse(File.ReadAllText(settings))![name]!["model"]!.GetValue<string>().Replace("_weights.npz", "", StringComparison.Ordinal);
}
