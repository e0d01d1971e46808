using Engine.Runtime.Autoencoding;
using Engine.Runtime.Contract;
using Engine.Runtime.WorldModel;
using Engine.Training.Algorithms;
using Engine.Training.Datasets;
using Engine.Training.Models;

namespace Engine.Training.Rollouts;

/// <summary>Dreams recorded episodes over again: their first frames, then recorded actions, nothing else of what was seen.</summary>
/// <param name="worldModel">Gives the next latents.</param>
/// <param name="autoencoder">Gives the images.</param>
/// <param name="embodiment">Moves the commanded pose.</param>
/// <param name="camera">Size of the images.</param>
/// <param name="samplingSteps">Denoising steps a frame.</param>
/// <param name="seed">Seed of the noise.</param>
public sealed class DreamReplay(WorldModelWeights worldModel, Autoencoder autoencoder, EmbodimentSpec embodiment, CameraSpec camera, int samplingSteps, ulong seed)
{
    private const int Group = 128;

    /// <summary>Every episode under its own actions: u8 [T + 1, H, W, 3] by episode.</summary>
    /// <param name="data">The episodes.</param>
    /// <param name="latents">Their latents [T + 1, h, w, C].</param>
    /// <param name="progress">Where progress goes.</param>
    /// <param name="cancellation">Stops between groups of episodes.</param>
    public byte[][] All(TrainingSet data, float[][] latents, IProgressReporter progress, CancellationToken cancellation)
    {
        using var task = progress.Begin("dream the episodes", data.Episodes.Count, "episodes");
        var frames = new List<byte[]>();
        foreach (int[] group in Enumerable.Range(0, data.Episodes.Count).Chunk(Group))
        {
            cancellation.ThrowIfCancellationRequested();
            frames.AddRange(Run(data, latents, group, group, [.. group.Select(e => data.Episodes[e].Length)]));
            task.Advance(group.Length);
        }

        return [.. frames];
    }

    /// <summary>
    /// Dreams u8 [horizon + 1, H, W, 3] from the first frames of the episodes <paramref name="starts"/>, under the actions of the episodes
    /// <paramref name="acting"/>, for as many steps as <paramref name="horizons"/> says of each.
    /// </summary>
    public byte[][] Run(TrainingSet data, float[][] latents, int[] starts, int[] acting, int[] horizons)
    {
        int count = starts.Length, stride = autoencoder.LatentNumbers, bytes = camera.Bytes;
        using var state = new DreamState(worldModel, count, DreamMode.Streaming, samplingSteps, seed);
        var commands = new float[count * 7];
        var conditioning = new float[count * ActionConditioning.Width];
        var current = new float[count * stride];
        var frames = new byte[count][];
        int[] alive = [.. Enumerable.Range(0, count)];
        for (int k = 0; k < count; k++)
        {
            frames[k] = new byte[(horizons[k] + 1) * bytes];
            var command = commands.AsSpan(k * 7, 7);
            data.Episodes[starts[k]].Command(0).CopyTo(command);
            var none = conditioning.AsSpan(0, ActionConditioning.Width);
            ActionConditioning.Fill(embodiment, default, command, none);
            latents[starts[k]].AsSpan(0, stride).CopyTo(current.AsSpan(k * stride));
            state.Reset(k, 0, current.AsSpan(k * stride, stride), none);
        }

        Span<float> action = stackalloc float[7];
        for (int h = 0; alive.Length > 0; h++)
        {
            if (h > 0)
            {
                for (int k = 0; k < alive.Length; k++)
                {
                    for (int i = 0; i < 7; i++) action[i] = data.Episodes[acting[alive[k]]].Actions[h - 1, i];
                    var command = commands.AsSpan(alive[k] * 7, 7);
                    embodiment.Advance(command, action);
                    ActionConditioning.Fill(embodiment, action, command, conditioning.AsSpan(k * ActionConditioning.Width, ActionConditioning.Width));
                }

                state.Step(alive, conditioning.AsSpan(0, alive.Length * ActionConditioning.Width), current.AsSpan(0, alive.Length * stride));
            }

            var images = autoencoder.Decode(current.AsSpan(0, alive.Length * stride));
            for (int k = 0; k < alive.Length; k++) images.AsSpan(k * bytes, bytes).CopyTo(frames[alive[k]].AsSpan(h * bytes));
            alive = [.. alive.Where(n => h < horizons[n])];
        }

        return frames;
    }
}
