using Engine.Host.Pipeline;
using Engine.Runtime.Contract;

namespace Engine.Host.Tests.Pipeline;

public sealed class RunFolderTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), "engine-run-" + Path.GetRandomFileName());

    [Fact]
    public void A_stage_runs_once_and_again_only_when_its_settings_change()
    {
        int runs = 0;
        Assert.Equal(1, Stage(new { Steps = 5 }));
        Assert.Equal(1, Stage(new { Steps = 5 }));
        Assert.Equal(2, Stage(new { Steps = 6 }));

        int Stage(object settings) => new RunFolder(_path).Stage("train", settings, [], SilentProgress.Instance, () => new Counted(++runs)).Value;
    }

    [Fact]
    public void A_stage_runs_again_when_a_stage_before_it_changed()
    {
        int runs = 0;
        Assert.Equal(1, Both(1));
        Assert.Equal(1, Both(1));
        Assert.Equal(2, Both(2));

        int Both(int seed)
        {
            var folder = new RunFolder(_path);
            folder.Stage("collect", new { seed }, [], SilentProgress.Instance, () => new Counted(seed));
            return folder.Stage("train", new { }, ["collect"], SilentProgress.Instance, () => new Counted(++runs)).Value;
        }
    }

    [Fact]
    public void A_stage_that_fails_leaves_no_result()
    {
        var folder = new RunFolder(_path);
        Assert.Throws<InvalidOperationException>(() => folder.Stage<Counted>("train", new { }, [], SilentProgress.Instance, () => throw new InvalidOperationException("broken")));
        Assert.False(File.Exists(folder.At("stages", "train.json")));
        Assert.Equal(7, folder.Stage("train", new { }, [], SilentProgress.Instance, () => new Counted(7)).Value);
    }

    [Fact]
    public void A_damaged_result_is_made_anew()
    {
        new RunFolder(_path).Stage("train", new { }, [], SilentProgress.Instance, () => new Counted(1));
        File.WriteAllText(Path.Combine(_path, "stages", "train.json"), "{ \"name\": \"tr");
        Assert.Equal(2, new RunFolder(_path).Stage("train", new { }, [], SilentProgress.Instance, () => new Counted(2)).Value);
    }

    [Fact]
    public void A_stage_says_which_stage_it_lacks()
    {
        var error = Assert.Throws<InvalidOperationException>(() => new RunFolder(_path).Stage("train", new { }, ["collect"], SilentProgress.Instance, () => new Counted(1)));
        Assert.Contains("collect", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Figures_that_are_no_numbers_survive()
    {
        new RunFolder(_path).Stage("gate", new { }, [], SilentProgress.Instance, () => new GateResult(0.5, 0, double.PositiveInfinity, false, 8));
        var read = new RunFolder(_path).Stage<GateResult>("gate", new { }, [], SilentProgress.Instance, () => throw new InvalidOperationException("must be read"));
        Assert.Equal(double.PositiveInfinity, read.Ratio);
    }

    [Fact]
    public void A_file_in_the_folder_s_place_is_refused()
    {
        File.WriteAllText(_path, "");
        Assert.Contains("--out", Assert.Throws<IOException>(() => new RunFolder(_path)).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        if (File.Exists(_path)) File.Delete(_path);
        if (Directory.Exists(_path)) Directory.Delete(_path, true);
    }

    private sealed record Counted(int Value);
}
