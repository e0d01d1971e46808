namespace Engine.Host.Tests.Launcher;

public sealed class LauncherTests : IDisposable
{
    private readonly FakeCheckout _checkout = new();

    public void Dispose() => _checkout.Dispose();

    [Fact]
    public void The_first_call_builds_everything_and_the_second_nothing()
    {
        var (status, output, error) = _checkout.Run("doctor", "--json");
        Assert.Equal(5, status);
        Assert.StartsWith("program doctor --json\n", output, StringComparison.Ordinal);
        Assert.Contains("engine: building the program", error, StringComparison.Ordinal);
        Assert.Equal(["onnxruntime", "cmake -S", "cmake --build", "dotnet build Engine.Host.csproj"], _checkout.TakeCalls());

        (status, output, error) = _checkout.Run("doctor");
        Assert.Equal(5, status);
        Assert.Equal("", error);
        Assert.Empty(_checkout.TakeCalls());
    }

    [Fact]
    public void Only_what_changed_is_built_again()
    {
        _checkout.Run("setup");
        _checkout.TakeCalls();

        _checkout.Write("src/B.cs", "class B;");
        _checkout.Run("doctor");
        Assert.Equal(["dotnet build Engine.Host.csproj"], _checkout.TakeCalls());

        _checkout.Write("native/torch/a.cpp", "");
        _checkout.Run("doctor");
        Assert.Equal(["cmake -S", "cmake --build"], _checkout.TakeCalls());

        File.Delete(Path.Combine(_checkout.Root, "artifacts", "native", "libonnxruntime.so.1"));
        _checkout.Run("doctor");
        Assert.Equal(["onnxruntime"], _checkout.TakeCalls());
    }

    [Fact]
    public void The_environment_is_set_for_the_program()
    {
        string[] environment = _checkout.Run("doctor").Output.Split('\n');
        Assert.Contains("OMP_WAIT_POLICY=passive", environment);
        Assert.Contains("LP_NUM_THREADS=0", environment);
        Assert.Contains("DOTNET_gcServer=0", environment);
        Assert.Contains("DOTNET_TieredPGO=1", environment);
        bool wide = File.ReadAllText("/proc/cpuinfo").Contains("avx512f", StringComparison.Ordinal);
        Assert.Contains(wide ? "OPENBLAS_CORETYPE=SkylakeX" : "OPENBLAS_CORETYPE=Haswell", environment);
    }

    [Fact]
    public async Task It_is_found_through_links_and_runs_in_the_callers_folder()
    {
        string link = Path.Combine(_checkout.Bin, "engine-link");
        File.CreateSymbolicLink(link, _checkout.Launcher);
        var (status, output, _) = await _checkout.Start(link, "doctor");
        Assert.Equal(5, status);
        Assert.Contains($"PWD={Path.GetDirectoryName(_checkout.Root)}\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("g++", "sudo apt-get install -y g++")]
    [InlineData("cmake", "sudo apt-get install -y cmake")]
    [InlineData("npm", "sudo apt-get install -y npm")]
    [InlineData("dotnet", "sudo apt-get install -y dotnet-sdk-10.0")]
    public void A_missing_tool_is_named_with_its_command(string tool, string command)
    {
        File.Delete(Path.Combine(_checkout.Bin, tool));
        var (status, output, error) = _checkout.Run("doctor");
        Assert.Equal(1, status);
        Assert.Equal("", output);
        Assert.Contains(command, error, StringComparison.Ordinal);
        Assert.Empty(_checkout.TakeCalls());
    }

    [Fact]
    public void Missing_packages_are_installed_by_root()
    {
        _checkout.Switch("missing", true);
        Assert.Equal(0, _checkout.Run("setup").Status);
        Assert.Equal(["apt-get update", "apt-get install -y --no-install-recommends libmujoco-dev"], _checkout.TakeCalls()[..2]);
    }

    [Fact]
    public void Missing_packages_are_a_command_for_anybody_else()
    {
        _checkout.Switch("missing", true);
        _checkout.Tool("id", "echo 1000");
        var (status, _, error) = _checkout.Run("setup");
        Assert.Equal(1, status);
        Assert.EndsWith("sudo apt-get install -y --no-install-recommends libmujoco-dev\n", error, StringComparison.Ordinal);
        Assert.Empty(_checkout.TakeCalls());
    }

    [Fact]
    public void A_build_that_fails_shows_the_error_and_is_tried_again()
    {
        _checkout.Switch("broken", true);
        var (status, output, error) = _checkout.Run("doctor");
        Assert.Equal(1, status);
        Assert.Equal("", output);
        Assert.Contains("src/A.cs(1,1): error CS0001: something is wrong", error, StringComparison.Ordinal);
        Assert.Contains("build-program.log", error, StringComparison.Ordinal);
        _checkout.TakeCalls();

        _checkout.Switch("broken", false);
        Assert.Equal(5, _checkout.Run("doctor").Status);
        Assert.Equal(["dotnet build Engine.Host.csproj"], _checkout.TakeCalls());
    }

    [Fact]
    public async Task Two_at_once_build_once()
    {
        _checkout.Switch("slow", true);
        var first = _checkout.Start(_checkout.Launcher, "doctor");
        await _checkout.WaitForCall("dotnet build");
        var second = _checkout.Start(_checkout.Launcher, "doctor");
        await _checkout.WaitForError("waiting for it");
        _checkout.Switch("slow", false);
        Assert.Equal(5, (await first).Status);
        Assert.Equal(5, (await second).Status);
        Assert.Single(_checkout.TakeCalls(), call => call.StartsWith("dotnet build", StringComparison.Ordinal));
    }
}
