using Engine.Host.Benchmarks;
using Engine.Host.Benchmarks.Serving;
using Engine.Host.Commands;

namespace Engine.Host.Tests.Benchmarks;

public sealed class BenchTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-bench-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Dreams_in_batches_are_timed()
    {
        using var output = new StringWriter();
        Assert.Equal(0, await CommandLine.RunAsync(["bench", "dream", "--pairs", "3"], output, TextWriter.Null));
        string text = output.ToString();
        Assert.Contains("16 environments against one, exact", text, StringComparison.Ordinal);
        Assert.Contains("| managed bytes allocated a frame, streaming |", text, StringComparison.Ordinal);
        // Its frames were compared with libtorch's before anything was timed.
        Assert.Contains("| 96 dreams against libtorch, whole window, exact, ms a frame |", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_report_of_costs_must_be_Markdown_or_a_page()
    {
        using var error = new StringWriter();
        Assert.Equal(2, await CommandLine.RunAsync(["bench", "cost", "--out", "cost.pdf"], TextWriter.Null, error));
        Assert.Contains("ends in .md or .html", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exact", 1)]
    [InlineData("streaming", 3)]
    public async Task A_dream_of_any_shape_is_timed(string mode, int batch)
    {
        using var output = new StringWriter();
        string call = $"bench worldmodel --dim 24 --layers 1 --heads 2 --latent 6 --channels 3 --window 3 --steps 2 --pairs 2 --json --mode {mode} --batch {batch}";
        Assert.Equal(0, await CommandLine.RunAsync(call.Split(' '), output, TextWriter.Null));
        var figures = System.Text.Json.JsonDocument.Parse(output.ToString()).RootElement;
        Assert.InRange(figures.GetProperty("ms_per_frame").GetDouble(), 1e-6, 1e4);
        Assert.Equal(mode, figures.GetProperty("mode").GetString());
        Assert.Equal(System.Text.Json.JsonValueKind.Null, figures.GetProperty("upstream_ms_per_frame").ValueKind);
    }

    [Theory]
    [InlineData("small", ".", "inputs that the original does not know")]
    [InlineData("medium", ".", "has no model.py")]
    public async Task A_comparison_that_cannot_be_made_says_why(string size, string checkout, string message)
    {
        using var error = new StringWriter();
        Assert.NotEqual(0, await CommandLine.RunAsync(["bench", "dream", "--size", size, "--upstream", checkout], TextWriter.Null, error));
        Assert.Contains(message, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_interpreter_is_named()
    {
        foreach (string name in new[] { "model.py", "diffusion.py" }) File.WriteAllText(Path.Combine(_folder, name), "");
        using var error = new StringWriter();
        Assert.NotEqual(0, await CommandLine.RunAsync(["bench", "dream", "--size", "medium", "--upstream", _folder, "--python", "no-such-python"], TextWriter.Null, error));
        Assert.Contains("no-such-python cannot be started", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Serving_is_measured_against_a_server_in_a_process_of_its_own()
    {
        using var output = new StringWriter();
        Assert.Equal(0, await CommandLine.RunAsync(["bench", "serve", "--line", "openpi", "pipe", "--pairs", "1"], output, TextWriter.Null));
        string text = output.ToString();
        Assert.Contains("| our C# client, p50 / p99, µs |", text, StringComparison.Ordinal);
        Assert.Matches(@"\| Unix-domain pipe, p50, µs \| \d+ \| \d+ \(raw ping-pong of the same bytes\) \| [\d.]+ \(", text);
    }

    [Fact]
    public async Task A_checkout_that_is_not_openpis_is_refused()
    {
        using var error = new StringWriter();
        Assert.NotEqual(0, await CommandLine.RunAsync(["bench", "serve", "--line", "openpi", "--upstream", _folder], TextWriter.Null, error));
        Assert.Contains("wants a checkout of github.com/Physical-Intelligence/openpi", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Percentiles_are_nearest_ranks()
    {
        var sample = new Sample(2);
        foreach (int time in new[] { 30, 10, 20, 40 }) sample.AddMicroseconds(time);
        Assert.Equal((20, 40, 10), (sample.P50, sample.P99, sample.Percentile(0)));
    }

    [Fact]
    public void Ratios_are_of_pairs()
    {
        var ratio = Ratio.Of([2, 9, 4, 6], [1, 3, 1, 2]);
        Assert.Equal((3, 2, 4, 4), (ratio.Median, ratio.Low, ratio.High, ratio.Pairs));
    }
}
