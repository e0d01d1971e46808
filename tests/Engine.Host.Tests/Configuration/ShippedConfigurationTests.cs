using Engine.Host.Configuration;
using Engine.Host.Pipeline;
using Engine.Simulation.Tabletop;

namespace Engine.Host.Tests.Configuration;

public sealed class ShippedConfigurationTests
{
    private static readonly string Folder = Find();

    public static TheoryData<string> Files => [.. Directory.GetFiles(Folder, "*.yaml").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_file_can_be_run(string name)
    {
        var settings = ConfigurationLoader.Load<EngineSettings>(Path.Combine(Folder, name), []);
        Assert.Contains(settings.Task, TaskFamily.All.Select(family => family.Name));
        Assert.All(settings.Evaluation.Variations, variation => TaskVariations.IndexOf(variation));
        Assert.Contains("in_distribution", settings.Evaluation.Variations);
    }

    [Fact]
    public void The_quickstart_says_every_default_and_says_it_right()
    {
        // One line a setting, so that the first difference names it; a default that changes is changed in the file too.
        string[] shipped = [.. File.ReadLines(Path.Combine(Folder, "quickstart.yaml")).Select(Setting).Where(line => line.Length > 0)];
        string[] defaults = [.. ConfigurationLoader.ToYaml(new EngineSettings()).Split('\n').Select(Setting).Where(line => line.Length > 0)];
        Assert.Equal(defaults, shipped);
    }

    [Theory]
    [InlineData("imagination.yaml")]
    [InlineData("tiny.yaml")]
    public void The_others_build_on_the_quickstart(string name)
    {
        Assert.Contains("include: quickstart.yaml", File.ReadAllText(Path.Combine(Folder, name)), StringComparison.Ordinal);
        Assert.Equal(new EngineSettings().Cloning.SmoothingBins, ConfigurationLoader.Load<EngineSettings>(Path.Combine(Folder, name), []).Cloning.SmoothingBins);
    }

    private static string Setting(string line) => line.Split('#')[0].TrimEnd();

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Engine.sln"))) folder = folder.Parent ?? throw new DirectoryNotFoundException("The tests run inside a checkout.");
        return Path.Combine(folder.FullName, "configs");
    }
}
