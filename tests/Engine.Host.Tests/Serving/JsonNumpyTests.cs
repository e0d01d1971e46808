using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.OpenVla;

namespace Engine.Host.Tests.Serving;

public sealed class JsonNumpyTests
{
    public static TheoryData<string> Bad => GoldenMessages.Files(".json", bad: true);

    [Theory]
    [InlineData("openvla_request.json")]
    [InlineData("openvla_response.json")]
    [InlineData("openvla_response_error.json")]
    [InlineData("json_dtypes.json")]
    public void Golden_documents_are_read_and_survive_writing(string file)
    {
        object? value = JsonNumpy.Read(File.ReadAllBytes(GoldenMessages.Path(file)));
        using var contents = GoldenMessages.Contents();
        var expected = contents.RootElement.GetProperty(file).GetProperty("content");
        GoldenMessages.Same(expected, value, file);
        GoldenMessages.Same(expected, JsonNumpy.Read(JsonNumpy.ToBytes(value)), file);
    }

    [Theory]
    [MemberData(nameof(Bad))]
    public void Broken_golden_documents_are_refused(string file) =>
        Assert.Throws<MsgPackException>(() => JsonNumpy.Read(File.ReadAllBytes(GoldenMessages.Path(file))));

    [Fact]
    public void Depth_is_limited() =>
        Assert.Throws<MsgPackException>(() => JsonNumpy.Read(System.Text.Encoding.ASCII.GetBytes(new string('[', 10_000))));
}
