using Engine.Runtime.Contract;
using Engine.Training.Algorithms;
using Engine.Training.Models;
using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Tests.Learning;

public sealed class TrainingLoopTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("engine-loop").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    /// <summary>Cancels when so many steps are done, as Ctrl-C would.</summary>
    private sealed class StopAfter(long steps) : IProgressReporter, IProgressTask
    {
        private readonly CancellationTokenSource _source = new();
        private long _done;

        public CancellationToken Token => _source.Token;

        public List<string> Notes { get; } = [];

        public IProgressTask Begin(string name, long total, string unit) => this;

        public void Note(string message) => Notes.Add(message);

        public void Advance(long units = 1, string? detail = null)
        {
            _done += units;
            if (_done >= steps) _source.Cancel();
        }

        public void Dispose()
        {
        }
    }

    [Fact]
    public void Cloning_that_was_interrupted_goes_on_as_if_it_had_not_been()
    {
        var world = new TinyWorld(4, 3, bins: 16);
        Interrupt("clone", (folder, reporter, token) =>
        {
            var (policy, losses) = BehaviourCloning.Run(world.Set, world.Images, world.Encoding, world.Architecture(), new() { Steps = 9, Batch = 4, SmoothingBins = 1 }, 5, folder, null, reporter, token);
            return (policy, losses);
        });
    }

    [Fact]
    public void A_world_model_that_was_interrupted_goes_on_with_its_running_mean()
    {
        var world = new TinyWorld(4, 5);
        using var trained = new VariationalAutoencoder(new WeightInitialiser(7), 4, 8);
        using var autoencoder = trained.ToRuntime(world.Camera.Height, world.Camera.Width);
        var latents = AutoencoderTraining.Encode(autoencoder, world.Set, SilentProgress.Instance, default);
        var clips = new WorldModelTraining.Clips(latents, world.Set.Episodes, world.Embodiment, 2, 2, 4);
        Interrupt("world", (folder, reporter, token) =>
        {
            var (model, losses) = WorldModelTraining.Run(clips, new() { Steps = 9, Batch = 4, Frames = 4, Dim = 16, Layers = 1, Heads = 2, Window = 3 }, 5, folder, null, reporter, token);
            return (model, losses);
        });
    }

    [Fact]
    public void An_autoencoder_that_was_interrupted_goes_on_as_if_it_had_not_been()
    {
        var world = new TinyWorld(4, 3);
        Interrupt("autoencoder", (folder, reporter, token) =>
        {
            var (model, losses) = AutoencoderTraining.Run(world.Set, new() { Steps = 9, Batch = 4, Width = 8 }, 5, folder, reporter, token);
            return (model, losses);
        });
    }

    private void Interrupt(string name, Func<string?, IProgressReporter, CancellationToken, (Module Model, float[] Losses)> run)
    {
        var (whole, losses) = run(null, SilentProgress.Instance, default);
        string folder = Path.Combine(_root, name);
        foreach (int stop in new[] { 4, 2 })
        {
            var reporter = new StopAfter(stop);
            Assert.Throws<OperationCanceledException>(() => run(folder, reporter, reporter.Token));
        }

        var last = new StopAfter(long.MaxValue);
        var (resumed, again) = run(folder, last, default);
        Assert.Single(last.Notes);
        Assert.Equal(losses, again);
        Assert.Equal(losses.Length, losses.Distinct().Count());
        var state = resumed.StateDict();
        foreach (var (key, tensor) in whole.StateDict()) Assert.Equal(tensor.ToArray(), state[key].ToArray());
        whole.Dispose();
        resumed.Dispose();
    }

    [Fact]
    public void A_checkpoint_of_more_steps_than_asked_for_is_refused_with_what_to_do()
    {
        string folder = Path.Combine(_root, "longer");
        var stop = new StopAfter(5);
        Assert.Throws<OperationCanceledException>(() => Loop(8, folder).Run(_ => Zero(), stop, stop.Token));
        var error = Assert.Throws<InvalidDataException>(() => Loop(3, folder).Run(_ => Zero(), SilentProgress.Instance, default));
        Assert.Contains("5", error.Message, StringComparison.Ordinal);
        Assert.Contains(folder, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_loss_that_is_no_number_stops_the_run()
    {
        var loop = Loop(3, null);
        var error = Assert.Throws<InvalidOperationException>(() => loop.Run(step => step == 1 ? Zero() * double.NaN : Zero(), SilentProgress.Instance, default));
        Assert.Contains("step 1", error.Message, StringComparison.Ordinal);
    }

    private static readonly Linear Layer = new(new WeightInitialiser(1), 2, 1);

    private static TrainingLoop Loop(int steps, string? folder) => new()
    {
        Name = "test",
        Model = Layer,
        Optimizer = new AdamW(Layer.Parameters(), 1e-3),
        Steps = steps,
        LearningRate = 1e-3,
        CheckpointFolder = folder,
    };

    private static Tensor Zero() => Layer.Forward(Tensor.Ones(1, 2)).Sum();
}

/// <summary>Memory belongs to the process: no other test runs beside this one.</summary>
[Collection("whole process")]
public sealed class TrainingLoopMemoryTests
{
    [Fact]
    public void Memory_stays_flat_over_three_hundred_steps()
    {
        var init = new WeightInitialiser(1);
        using var model = new Mlp(new Linear(init, 64, 128), new Linear(init, 128, 8));
        using var x = init.Normal(1, 512, 64);
        using var y = init.Normal(1, 512, 8);
        using var optimizer = new AdamW(model.Parameters(), 1e-3);
        using var ema = new Ema(model, 0.99, true);
        var loop = new TrainingLoop { Name = "memory", Model = model, Optimizer = optimizer, Ema = ema, Steps = 300, LearningRate = 1e-3 };
        long resident = 0, allocated = 0;
        var losses = loop.Run(step =>
        {
            if (step == 50) (resident, allocated) = (Environment.WorkingSet, GC.GetAllocatedBytesForCurrentThread());
            return Functional.MseLoss(model.Forward(x), y);
        }, SilentProgress.Instance, default);
        long perStep = (GC.GetAllocatedBytesForCurrentThread() - allocated) / 250, growth = Environment.WorkingSet - resident;
        Assert.True(losses[^1] < losses[0]);
        Assert.True(perStep < 16 << 10, $"{perStep} managed bytes a step");
        // One step's activations are 1 MiB: kept, they would be 250 MiB.
        Assert.True(growth < 48 << 20, $"the process grew by {growth >> 20} MiB in 250 steps");
    }
}
