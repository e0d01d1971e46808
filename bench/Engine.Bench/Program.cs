using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Engine.Bench;
using Engine.Kernels.Diagnostics;
using Engine.Kernels.Variants;

// In this process: the kernels are the same code that the program runs, and no second build is needed.
foreach (VariantTable table in KernelVariants.List()) Console.WriteLine($"{table.Operation}: {table.Active}");
foreach (KernelVariant variant in Enum.GetValues<KernelVariant>())
{
    if (KernelVariants.List()[0].Available.Contains(variant)) Console.WriteLine(FormattableString.Invariant($"peak {variant}: {ArithmeticPeak.Measure(variant):F1} GFLOP/s a thread"));
}

IConfig config = DefaultConfig.Instance
    .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
    .AddColumn(new GigaflopsColumn());
BenchmarkSwitcher.FromAssembly(typeof(GemmBenchmark).Assembly).Run(args, config);
