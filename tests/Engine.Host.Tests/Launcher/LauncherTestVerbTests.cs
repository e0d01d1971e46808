namespace Engine.Host.Tests.Launcher;

/// <summary><c>./engine test</c> over scripts that print what the test runner prints.</summary>
public sealed class LauncherTestVerbTests : IDisposable
{
    private const string Green = """
        echo "xUnit.net v3 In-Process Runner"
        echo "  Discovering: $0"
        echo "    A.Needs_a_GPU [SKIP]"
        echo "      no GPU on this machine"
        echo "=== TEST EXECUTION SUMMARY ==="
        echo "   Green  Total: 5, Errors: 0, Failed: 0, Skipped: 1, Not Run: 0, Time: 0.1s"
        echo "arguments: $*"
        """;

    private const string Red = """
        echo "    B.Adds [FAIL]"
        echo "      Assert.Equal() Failure"
        echo "=== TEST EXECUTION SUMMARY ==="
        echo "   Red  Total: 3, Errors: 0, Failed: 1, Skipped: 0, Not Run: 1, Time: 0.1s"
        exit 1
        """;

    private readonly FakeCheckout _checkout = new();

    public void Dispose() => _checkout.Dispose();

    [Fact]
    public void Passing_tests_are_summed_up_and_skips_listed()
    {
        _checkout.TestProject("Engine.A.Tests", Green);
        _checkout.TestProject("Engine.B.Tests", Green);
        var (status, output, _) = _checkout.Run("test");
        Assert.Equal(0, status);
        Assert.EndsWith("\n8 passed, 0 failed, 2 skipped\n", output, StringComparison.Ordinal);
        Assert.Contains("A.Needs_a_GPU: no GPU on this machine (2 times)", output, StringComparison.Ordinal);
        Assert.Equal(["onnxruntime", "nvrtc", "cmake -S", "cmake --build", "dotnet build Engine.sln", "dotnet format"], _checkout.TakeCalls());

        Assert.Equal(0, _checkout.Run("test").Status);
        Assert.Empty(_checkout.TakeCalls());
    }

    [Fact]
    public void A_compiler_for_CUDA_that_is_not_to_be_had_is_said_in_a_line_and_hinders_nothing()
    {
        _checkout.TestProject("Engine.A.Tests", Green);
        _checkout.Switch("offline", on: true);
        var (status, _, error) = _checkout.Run("test");
        Assert.Equal(0, status);
        Assert.Contains("the tests that need it are skipped: no network\n", error, StringComparison.Ordinal);
        Assert.Contains("nvrtc", _checkout.TakeCalls());

        Assert.Equal(0, _checkout.Run("test").Status);
        Assert.Empty(_checkout.TakeCalls());
    }

    [Fact]
    public void A_device_is_passed_on_to_the_tests_and_is_no_filter()
    {
        _checkout.TestProject("Engine.A.Tests", Green + "\necho \"device: $ENGINE_TEST_DEVICE\"\n");
        var (status, output, _) = _checkout.Run("test", "A", "--device", "cuda", "-class", "X");
        Assert.Equal(0, status);
        Assert.Contains("\ndevice: cuda\n", output, StringComparison.Ordinal);
        Assert.Contains("arguments: -class X -noLogo -noColor\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_is_listed_and_fails_the_run()
    {
        _checkout.TestProject("Engine.A.Tests", Green);
        _checkout.TestProject("Engine.B.Tests", Red);
        var (status, output, _) = _checkout.Run("test");
        Assert.Equal(1, status);
        Assert.Contains("Failed:\n  B.Adds\n", output, StringComparison.Ordinal);
        Assert.EndsWith("\n5 passed, 1 failed, 1 skipped\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("kill -SEGV $$", "status 139 and no summary")]
    [InlineData("exec sleep 30", "took longer than 1 s")]
    [InlineData("echo '   X  Total: 1, Errors: 0, Failed: 0, Skipped: 0, Not Run: 0'; exit 3", "status 3 after its tests")]
    [InlineData("echo '   X  Total: 1, Errors: 1, Failed: 0, Skipped: 0, Not Run: 0'; exit 1", "== Engine.A.Tests")]
    public void A_project_that_dies_hangs_or_errs_is_a_failure(string script, string message)
    {
        _checkout.TestProject("Engine.A.Tests", script);
        _checkout.Environment["ENGINE_TEST_TIMEOUT"] = "1";
        var (status, output, _) = _checkout.Run("test");
        Assert.Equal(1, status);
        Assert.Contains(message, output, StringComparison.Ordinal);
        Assert.EndsWith(" passed, 1 failed, 0 skipped\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_project_and_a_filter_can_be_chosen()
    {
        _checkout.TestProject("Engine.Kernels.Tests", Green);
        _checkout.TestProject("Engine.Host.Tests", Red);
        var (status, output, _) = _checkout.Run("test", "kernels", "-method", "*Philox*");
        Assert.Equal(0, status);
        Assert.Contains("arguments: -method *Philox*", output, StringComparison.Ordinal);
        Assert.EndsWith("\n4 passed, 0 failed, 1 skipped\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_without_tests_is_not_a_success()
    {
        _checkout.TestProject("Engine.A.Tests", "echo '   Engine.A.Tests  Total: 0'");
        var (status, output, _) = _checkout.Run("test");
        Assert.Equal(1, status);
        Assert.EndsWith("\n0 passed, 0 failed, 0 skipped\n", output, StringComparison.Ordinal);
        Assert.Contains("no test project", _checkout.Run("test", "nothing").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_format_stops_the_run_and_names_the_file()
    {
        _checkout.TestProject("Engine.A.Tests", Green);
        _checkout.Switch("unformatted", true);
        var (status, _, error) = _checkout.Run("test");
        Assert.Equal(1, status);
        Assert.Contains("src/A.cs(1,1): error WHITESPACE", error, StringComparison.Ordinal);
        Assert.Contains("dotnet format Engine.sln", error, StringComparison.Ordinal);
    }
}
