using System.Text.Json;
using Engine.Host.Commands;

namespace Engine.Host.Tests.Commands;

public class DoctorTests
{
    [Fact]
    public async Task Doctor_lists_processor_kernels_and_native_parts_and_its_status_says_whether_one_is_missing()
    {
        var output = new StringWriter();
        int status = await CommandLine.RunAsync(["doctor", "--json"], output, new StringWriter());
        var findings = JsonDocument.Parse(output.ToString()).RootElement.EnumerateArray().ToList();
        foreach (string group in new[] { "Program", "Processor", "Environment", "Kernels", "Native parts", "Tools" })
            Assert.Contains(findings, finding => finding.GetProperty("group").GetString() == group);
        foreach (string name in new[] { "libtorch (training)", "ONNX Runtime (policies)", "MuJoCo (simulator)", "OpenGL (rendering)", "gemm" })
            Assert.Single(findings, finding => finding.GetProperty("name").GetString() == name);
        bool isMissing = findings.Exists(finding => finding.GetProperty("state").GetString() == "Missing");
        Assert.Equal(isMissing ? 1 : 0, status);
    }

    [Fact]
    public async Task The_table_says_the_same()
    {
        var output = new StringWriter();
        int status = await CommandLine.RunAsync(["doctor"], output, new StringWriter());
        Assert.Contains(".NET", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(status == 0, output.ToString().TrimEnd().EndsWith("Nothing that is needed is missing.", StringComparison.Ordinal));
    }
}
