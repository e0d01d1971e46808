using Engine.Host.Commands;
using Engine.Host.Tests.Evaluation;

namespace Engine.Host.Tests.Benchmarks;

/// <summary>The benchmark changes the number of libtorch's threads, which is the process's and decides the last bits of what others train.</summary>
[Collection(Name)]
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AutoencoderBenchTests
{
    private const string Name = "autoencoder benchmark";

    [Fact]
    public async Task An_autoencoder_is_timed_beside_two_peers_whose_numbers_it_gives()
    {
        UntrainedPolicy.Require();
        using var output = new StringWriter();
        Assert.Equal(0, await CommandLine.RunAsync(["bench", "autoencoder", "--pairs", "1"], output, TextWriter.Null));
        string text = output.ToString();
        Assert.Contains("| decode, 64 together |", text, StringComparison.Ordinal);
        Assert.Contains("| encode, 1 together |", text, StringComparison.Ordinal);
        Assert.Matches(@"libtorch's numbers: \d\.\de-[5-9] at most", text);
    }
}
