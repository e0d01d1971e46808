using Engine.Host.Configuration;

namespace Engine.Host.Tests.Configuration;

public sealed class ConfigurationLoaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-configuration-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Nothing_given_is_the_defaults()
    {
        var configuration = ConfigurationLoader.Load<SampleConfiguration>(null, []);
        Assert.Equal(100, configuration.Steps);
        Assert.Equal([0.9, 0.999], configuration.Optimizer.Betas);
        Assert.Equal(100, Load("# only a comment\n").Steps);
    }

    [Fact]
    public void Every_kind_of_value_is_read()
    {
        var configuration = Load("""
            steps: 10_000
            seed: 0xFFFFFFFFFFFFFFFF
            name: "7"
            note: two words
            shuffle: false
            limit: 1e3
            kind: transformer_block
            save_every: 2.5
            optimizer: {learning_rate: 3e-4, weight_decay: 0.5}
            cameras:
              - {name: top, height: 48}
              - name: wrist
                height: 32
                width: 16
            tasks: [push, put]
            weights:
              b: 2
            """);
        Assert.Equal(10_000, configuration.Steps);
        Assert.Equal(ulong.MaxValue, configuration.Seed);
        Assert.Equal("7", configuration.Name);
        Assert.Equal("two words", configuration.Note);
        Assert.False(configuration.Shuffle);
        Assert.Equal(1000, configuration.Limit);
        Assert.Equal(SampleKind.TransformerBlock, configuration.Kind);
        Assert.Equal(2.5, configuration.SaveEvery.TotalSeconds);
        Assert.Equal(3e-4, configuration.Optimizer.LearningRate);
        Assert.Equal(0.5f, configuration.Optimizer.WeightDecay);
        Assert.Equal([0.9, 0.999], configuration.Optimizer.Betas);
        Assert.Equal([new SampleCamera("top", 48), new SampleCamera("wrist", 32, 16)], configuration.Cameras);
        Assert.Equal(["push", "put"], configuration.Tasks);
        Assert.Equal(1, configuration.Weights["a"]);
        Assert.Equal(2, configuration.Weights["b"]);
    }

    [Fact]
    public void A_shared_default_is_copied_before_it_is_changed()
    {
        Assert.Equal(5, Load("shared_optimizer: {learning_rate: 5}").SharedOptimizer.LearningRate);
        Assert.Equal(1, SampleOptimizer.Shared.LearningRate);
    }

    [Fact]
    public void Overrides_come_last_and_may_be_lists_and_nested()
    {
        string file = Write("a.yaml", "steps: 5\noptimizer: {learning_rate: 1}");
        var configuration = ConfigurationLoader.Load<SampleConfiguration>(
            file, ["steps=6", "optimizer.betas=[0.5, 0.6]", "name=a=b", "limit=null", "steps=7", "cameras=[{name: top, height: 8}]"]);
        Assert.Equal(7, configuration.Steps);
        Assert.Equal([0.5, 0.6], configuration.Optimizer.Betas);
        Assert.Equal(1, configuration.Optimizer.LearningRate);
        Assert.Equal("a=b", configuration.Name);
        Assert.Null(configuration.Limit);
        Assert.Equal(8, configuration.Cameras[0].Height);
    }

    [Fact]
    public void Includes_are_merged_in_order_under_the_file_itself()
    {
        Write("base/one.yaml", "include: two.yaml\nsteps: 1\nname: one\noptimizer: {learning_rate: 1}");
        Write("base/two.yaml", "limit: 22\nsteps: 2\noptimizer: {weight_decay: 0.25}");
        Write("three.yaml", "name: three\noptimizer: {betas: [0.1]}");
        var configuration = Load("include: [base/one.yaml, three.yaml]\nseed: 9");
        Assert.Equal((1, 22, "three", 9UL), (configuration.Steps, configuration.Limit, configuration.Name, configuration.Seed));
        Assert.Equal((1, 0.25f), (configuration.Optimizer.LearningRate, configuration.Optimizer.WeightDecay));
        Assert.Equal([0.1], configuration.Optimizer.Betas);
    }

    [Fact]
    public void An_anchor_is_not_changed_through_another_place()
    {
        var configuration = Load("optimizer: &o {learning_rate: 3}\nshared_optimizer: *o\n", "optimizer.learning_rate=4");
        Assert.Equal((4, 3), (configuration.Optimizer.LearningRate, configuration.SharedOptimizer.LearningRate));
    }

    [Theory]
    [InlineData("stps: 1", "x.yaml:1:1: unknown key 'stps'. Did you mean 'steps'?")]
    [InlineData("twice: 1", "x.yaml:1:1: unknown key 'twice'.")]
    [InlineData("zzzzzzzz: 1", "Known: cameras, kind, limit, name,")]
    [InlineData("steps: 1\noptimizer:\n  lerning_rate: 1", "x.yaml:3:3: unknown key 'optimizer.lerning_rate'. Did you mean 'learning_rate'?")]
    [InlineData("steps: fast", "x.yaml:1:8: steps: expected a whole number, got 'fast'")]
    [InlineData("steps: 1.5", "expected a whole number, got '1.5'")]
    [InlineData("steps: 3000000000", "got '3000000000', which is outside -2147483648 … 2147483647")]
    [InlineData("steps:", "steps: expected a whole number, got nothing")]
    [InlineData("steps: [1]", "steps: expected a whole number, got a list")]
    [InlineData("shuffle: maybe", "shuffle: expected true or false, got 'maybe'")]
    [InlineData("kind: mpl", "kind: expected one of mlp, transformer_block, got 'mpl'. Did you mean 'mlp'?")]
    [InlineData("optimizer: 3", "optimizer: expected key: value pairs, got '3'")]
    [InlineData("optimizer: {weight_decay: 2}", "optimizer.weight_decay: expected 0 … 1, got '2'")]
    [InlineData("optimizer: {learning_rate: .nan}", "optimizer.learning_rate: expected a number")]
    [InlineData("optimizer: {betas: [0.9, x]}", "x.yaml:1:26: optimizer.betas[1]: expected a number, got 'x'")]
    [InlineData("tasks: reach", "tasks: expected a list, got 'reach'")]
    [InlineData("cameras: [{name: top}]", "cameras[0]: 'height' is missing")]
    [InlineData("- 1\n- 2", "expected key: value lines, got a list")]
    [InlineData("steps: 1\nname: [", "this is not YAML")]
    [InlineData("steps: 1\nsteps: 2", "this is not YAML")]
    [InlineData("a: 1\n---\nb: 2", "expected one YAML document, got 2")]
    [InlineData("include: missing.yaml", "x.yaml:1:10: ")]
    [InlineData("include: {a: b}", "include: expected a file name, got a mapping")]
    [InlineData("? [a]\n: 1", "a key must be text")]
    public void What_is_wrong_is_said_with_its_place(string yaml, string message)
    {
        var failure = Assert.Throws<ConfigurationException>(() => Load(yaml));
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("steps", "override 'steps': expected key.sub=value")]
    [InlineData("=1", "expected key.sub=value")]
    [InlineData("a..b=1", "a key is empty")]
    [InlineData("steps=x", "override 'steps=x': steps: expected a whole number, got 'x'")]
    [InlineData("optimizer.betas.x=1", "optimizer.betas: expected a list, got a mapping")]
    [InlineData("setps=1", "Did you mean 'steps'?")]
    [InlineData("tasks=[", "this is not YAML")]
    public void A_wrong_override_is_named(string text, string message)
    {
        var failure = Assert.Throws<ConfigurationException>(() => ConfigurationLoader.Load<SampleConfiguration>(null, [text]));
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_a_folder_and_a_circle_are_named()
    {
        Assert.Contains("does not exist", Failure(Path.Combine(_folder, "none.yaml")), StringComparison.Ordinal);
        Assert.Contains("is a folder", Failure(_folder), StringComparison.Ordinal);
        Write("b.yaml", "include: c.yaml");
        Write("c.yaml", "steps: 1\ninclude: [b.yaml]");
        Assert.Contains("includes go in a circle", Failure(Path.Combine(_folder, "b.yaml")), StringComparison.Ordinal);
    }

    [Fact]
    public void Anchors_that_multiply_are_stopped()
    {
        string yaml = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n" + string.Concat(Enumerable.Range(1, 12).Select(i =>
            $"a{i}: &a{i} [{string.Join(',', Enumerable.Repeat($"*a{i - 1}", 10))}]\n"));
        Assert.Contains("more than 100000 values", Assert.Throws<ConfigurationException>(() => Load(yaml)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_written_reads_back_to_the_same()
    {
        var configuration = Load("""
            name: "no: \"quotes\" # here"
            note: "null"
            limit: 3
            seed: 18446744073709551615
            kind: transformer_block
            save_every: 0.1
            optimizer: {learning_rate: 0.1, weight_decay: 0.3}
            cameras: [{name: top, height: 48}]
            tasks: []
            weights: {true: 1, "1.5": 2}
            """);
        string yaml = ConfigurationLoader.ToYaml(configuration);
        var again = Load(yaml);
        Assert.Equal(yaml, ConfigurationLoader.ToYaml(again));
        Assert.Equal(configuration.Name, again.Name);
        Assert.Equal("null", again.Note);
        Assert.Equal(configuration.Seed, again.Seed);
        Assert.Equal(configuration.Optimizer.WeightDecay, again.Optimizer.WeightDecay);
        Assert.Equal(configuration.Cameras, again.Cameras);
        Assert.Empty(again.Tasks);
        Assert.Equal(2, again.Weights["1.5"]);

        // JSON is YAML too.
        Assert.Equal(yaml, ConfigurationLoader.ToYaml(Load(ConfigurationLoader.ToJson(configuration))));
        Assert.Null(Load(ConfigurationLoader.ToYaml(new SampleConfiguration())).Note);
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    private SampleConfiguration Load(string yaml, params string[] overrides) =>
        ConfigurationLoader.Load<SampleConfiguration>(Write("x.yaml", yaml), overrides);

    private static string Failure(string path) =>
        Assert.Throws<ConfigurationException>(() => ConfigurationLoader.Load<SampleConfiguration>(path, [])).Message;
}
