using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Weights;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.Weights;

/// <summary>Thousands of damaged copies of good files: a reader gives arrays or an InvalidDataException that names the file, nothing else.</summary>
public sealed class MutationTests
{
    private const long MostBytes = 96 << 20;

    public static TheoryData<string> GoodFiles() =>
        ["f32.pt", "dtypes.pt", "views.pt", "views_legacy.pt", "legacy.pt", "parameters.pt", "plain_values.pt", "newer_records.pt", "handmade_ok.pt",
         "ok_small.safetensors", "ok_dtypes.safetensors", "ok_header_order.safetensors", "f32.pt.expected.npz", "dtypes.pt.expected.npz"];

    [Theory]
    [MemberData(nameof(GoodFiles))]
    public void Damage_is_an_error_and_never_a_crash(string name)
    {
        byte[] good = File.ReadAllBytes(Path.Combine(Golden.Path("checkpoints"), name));
        using var folder = new TemporaryFolder();
        string path = folder.File("damaged" + Path.GetExtension(name));
        const int cases = 600;
        int refused = 0;
        for (uint i = 0; i < cases; i++)
        {
            byte[] bad = Damage.Of(good, new PhiloxRandom(new PhiloxKey(20, 901, i)));
            File.WriteAllBytes(path, bad);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                WeightFile.Read(path);
            }
            catch (InvalidDataException error)
            {
                refused++;
                Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytes);
        }

        Assert.InRange(refused, cases / 10, cases);
    }
}
