using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Tests.Torch;

/// <summary>What these tests look at or change belongs to the process: no other test runs beside them.</summary>
[CollectionDefinition("whole process", DisableParallelization = true)]
[Collection("whole process")]
public sealed class WholeProcessTests
{
    [Fact]
    public void The_runtime_knows_its_version_and_threads()
    {
        Assert.Matches(@"^\d+\.\d+\.\d+", TorchRuntime.Version);
        int before = TorchRuntime.Threads;
        TorchRuntime.Initialise(before + 1);
        Assert.Equal(before + 1, TorchRuntime.Threads);
        int elsewhere = 0;
        var thread = new Thread(() => elsewhere = TorchRuntime.Threads);
        thread.Start();
        thread.Join();
        TorchRuntime.Initialise(before);
        Assert.Equal(before + 1, elsewhere);
        Assert.Equal(before, TorchRuntime.Threads);
        Assert.Throws<ArgumentOutOfRangeException>(() => TorchRuntime.Initialise(0));
    }

    [Fact]
    public void A_thread_that_worked_before_takes_a_new_thread_count_over()
    {
        int before = TorchRuntime.Threads;
        using var ready = new SemaphoreSlim(0);
        using var changed = new SemaphoreSlim(0);
        int seen = 0;
        var thread = new Thread(() =>
        {
            using Tensor sum = Tensor.Ones(10).Sum();
            ready.Release();
            changed.Wait();
            seen = TorchRuntime.Threads;
        });
        thread.Start();
        ready.Wait();
        TorchRuntime.Initialise(before + 2);
        changed.Release();
        thread.Join();
        TorchRuntime.Initialise(before);
        Assert.Equal(before + 2, seen);
    }

    [Fact]
    public void Memory_stays_flat_over_a_thousand_steps()
    {
        var init = new WeightInitialiser(1);
        using var conv = new Conv2d(init, 3, 16, 3, padding: 1);
        using var norm = new GroupNorm(4, 16);
        using var head = new Linear(init, 16, 4);
        using var optimizer = new AdamW([.. conv.Parameters(), .. norm.Parameters(), .. head.Parameters()], 1e-3);
        using Tensor x = init.Normal(1, 4, 3, 32, 32), y = init.Normal(1, 4, 4);
        void Step()
        {
            using var scope = new TensorScope();
            Tensor h = norm.Forward(conv.Forward(x)).Silu();
            Functional.MseLoss(head.Forward(h.Mean([2, 3])), y).Backward();
            optimizer.Step();
            optimizer.ZeroGrad();
        }

        for (int i = 0; i < 50; i++) Step();
        long before = Environment.WorkingSet;
        for (int i = 0; i < 1000; i++) Step();
        long grown = Environment.WorkingSet - before;
        // One step makes more than 1 MiB of tensors: a leak would show as a gigabyte.
        Assert.True(grown < 48L << 20, $"memory grew by {grown >> 20} MiB");
    }

    [Fact]
    public void The_norm_and_the_step_do_not_depend_on_the_number_of_threads()
    {
        (double Norm, float[] Weights) Run(int threads)
        {
            int before = TorchRuntime.Threads;
            TorchRuntime.Initialise(threads);
            try
            {
                using Tensor p = new WeightInitialiser(9).Normal(1, 300_001);
                p.RequiresGrad = true;
                using var optimizer = new AdamW([p], 0.01);
                using var scope = new TensorScope();
                (p * p).Backward(Tensor.OnesLike(p));
                double norm = Gradients.Norm([p]);
                optimizer.Step();
                return (norm, p.ToArray());
            }
            finally
            {
                TorchRuntime.Initialise(before);
            }
        }

        var (norm, weights) = Run(1);
        var (normOfThree, weightsOfThree) = Run(3);
        Assert.Equal(norm, normOfThree);
        Assert.Equal(weights, weightsOfThree);
    }
}
