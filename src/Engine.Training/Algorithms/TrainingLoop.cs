using Engine.Runtime.Contract;
using Engine.Training.Checkpoints;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>
/// The loop that every supervised part shares, on the model's device: warm-up and cosine learning rate, gradient clipping, EMA, progress, checkpoints.
/// What a step draws at random is keyed by the step's number, so a resumed run gives the same losses as an uninterrupted one.
/// </summary>
public sealed class TrainingLoop
{
    private const string EmaPart = "ema";

    /// <summary>What is trained, for the progress bar.</summary>
    public required string Name { get; init; }

    public required Module Model { get; init; }

    public required AdamW Optimizer { get; init; }

    public Ema? Ema { get; init; }

    public required long Steps { get; init; }

    public required double LearningRate { get; init; }

    public long WarmupSteps { get; init; } = 50;

    public double ClipNorm { get; init; } = 1;

    /// <summary>Folder of the checkpoint that is resumed from and written to; null for none.</summary>
    public string? CheckpointFolder { get; init; }

    /// <summary>Steps between checkpoints.</summary>
    public long CheckpointEvery { get; init; } = 500;

    /// <summary>
    /// Runs to the end. <paramref name="loss"/> computes the scalar loss of a step; its tensors are freed after the step.
    /// </summary>
    /// <returns>The loss of every step.</returns>
    /// <exception cref="OperationCanceledException">Cancelled; a checkpoint was written when a folder is set.</exception>
    public float[] Run(Func<long, Tensor> loss, IProgressReporter progress, CancellationToken cancellation)
    {
        var losses = new float[Steps];
        long start = 0;
        if (CheckpointFolder is not null && Checkpoint.Exists(CheckpointFolder))
        {
            start = Resume(losses);
            if (start > 0 && start < Steps) progress.Note($"{Name}: resuming at step {start} of {Steps}");
        }

        using var task = progress.Begin(Name, Steps, "steps");
        task.Advance(start);
        double running = start > 0 ? losses[start - 1] : 0;
        var parameters = Model.Parameters();
        using var device = new DeviceScope(Model.Device);
        for (long step = start; step < Steps; step++)
        {
            if (cancellation.IsCancellationRequested)
            {
                Save(step, losses);
                cancellation.ThrowIfCancellationRequested();
            }

            using var scope = new TensorScope();
            Optimizer.LearningRate = LearningRateSchedule.WarmupCosine(step, Steps, LearningRate, WarmupSteps);
            Optimizer.ZeroGrad();
            var value = loss(step);
            value.Backward();
            losses[step] = value.Item();
            if (!float.IsFinite(losses[step]))
                throw new InvalidOperationException($"{Name}: the loss is {losses[step]} at step {step}; lower the learning rate or look for bad data.");
            if (ClipNorm > 0) Gradients.ClipNorm(parameters, ClipNorm);
            Optimizer.Step();
            Ema?.Update();
            running = step == 0 ? losses[step] : 0.98 * running + 0.02 * losses[step];
            task.Advance(1, $"loss {running:F4}");
            if (CheckpointFolder is not null && (step + 1) % CheckpointEvery == 0 && step + 1 < Steps) Save(step + 1, losses);
        }

        Optimizer.ZeroGrad();
        return losses;
    }

    private long Resume(float[] losses)
    {
        using var checkpoint = Checkpoint.Load(CheckpointFolder!);
        var state = checkpoint.State<Progress>();
        if (state.Step > Steps)
            throw new InvalidDataException($"{Name}: the checkpoint in {CheckpointFolder} is of step {state.Step}, but only {Steps} steps are asked for; delete the folder to begin anew, or ask for more steps.");
        Model.LoadStateDict(checkpoint.Weights);
        Optimizer.LoadStateDict(checkpoint.Optimizer);
        if (Ema is not null)
        {
            Ema.Load(checkpoint.Part(EmaPart));
            Ema.Updates = state.Step;
        }

        state.Losses.CopyTo(losses, 0);
        return state.Step;
    }

    private void Save(long step, float[] losses)
    {
        if (CheckpointFolder is null) return;
        var parts = new Dictionary<string, IReadOnlyDictionary<string, Tensor>>
        {
            [Checkpoint.WeightsPart] = Model.StateDict(),
            [Checkpoint.OptimizerPart] = Optimizer.StateDict(),
        };
        if (Ema is not null) parts[EmaPart] = Ema.StateDict();
        Checkpoint.Save(CheckpointFolder, parts, new Progress(step, losses[..(int)step]));
    }

    private sealed record Progress(long Step, float[] Losses);
}
