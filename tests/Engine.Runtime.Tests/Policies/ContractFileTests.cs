using Engine.Runtime.Contract;
using Engine.Runtime.Policies;
using Engine.Runtime.Tests.Datasets;
using Engine.Runtime.Tests.Weights;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Tests.Policies;

public sealed class ContractFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_contract_comes_back_as_it_was()
    {
        string path = _folder.File("contract.json");
        ContractFile.Write(path, Contract());
        Assert.Equal(JsonFile.ToText(Contract()), JsonFile.ToText(ContractFile.Read(path)));
        string text = File.ReadAllText(path);
        Assert.Contains("\"action_statistics\"", text, StringComparison.Ordinal);
        Assert.Contains("\"q01\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("bytes", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"version\": 1", "\"version\": 9", "version 9")]
    [InlineData("\"replan_every\": 2", "\"replan_every\": 9", "replan_every is 9")]
    [InlineData("\"height\": 4", "\"height\": -4", "camera 'front'")]
    [InlineData("\"max_words\": 16", "\"max_words\": 0", "words")]
    [InlineData("\"name\": \"test\"", "\"nam\": \"test\"", "contract.json")]
    [InlineData("\"name\": \"test\",", "", "name")]
    [InlineData("\"cube\"", "\"Cube\"", "'Cube'")]
    [InlineData("\"control_hz\": 5", "\"control_hz\": \"five\"", "control_hz")]
    [InlineData("{", "[", "contract.json")]
    public void A_wrong_contract_is_refused_with_the_reason(string text, string instead, string said)
    {
        string path = _folder.File("contract.json");
        ContractFile.Write(path, Contract());
        string good = File.ReadAllText(path);
        Assert.Contains(text, good, StringComparison.Ordinal);
        int at = good.IndexOf(text, StringComparison.Ordinal);
        File.WriteAllText(path, string.Concat(good.AsSpan(0, at), instead, good.AsSpan(at + text.Length)));
        var error = Assert.Throws<InvalidDataException>(() => ContractFile.Read(path));
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
        Assert.Contains("contract.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Statistics_must_have_the_width()
    {
        PolicyContract contract = Contract() with { ActionStatistics = Statistics(6) };
        var error = Assert.Throws<InvalidDataException>(() => ContractFile.Write(_folder.File("c.json"), contract));
        Assert.Contains("6 numbers where 7", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    private static PolicyContract Contract() => new()
    {
        Name = "test",
        Cameras = SampleEpisodes.Info.Cameras,
        StateNames = SampleEpisodes.Info.StateNames,
        ActionNames = SampleEpisodes.Info.ActionNames,
        ActionStatistics = Statistics(7),
        StateStatistics = Statistics(8),
        Embodiment = SampleEpisodes.Info.Embodiment,
        ActionHorizon = 4,
        ReplanEvery = 2,
        Vocabulary = ["cube", "reach", "red", "the"],
    };

    private static NormalisationStatistics Statistics(int width) => new()
    {
        Q01 = [.. Enumerable.Range(0, width).Select(i => -0.1f * (i + 1))],
        Q99 = [.. Enumerable.Range(0, width).Select(i => 0.3f * (i + 1))],
        Mean = new float[width],
        Std = [.. Enumerable.Repeat(0.7f, width)],
        Mask = [.. Enumerable.Range(0, width).Select(i => i < width - 1)],
    };
}
