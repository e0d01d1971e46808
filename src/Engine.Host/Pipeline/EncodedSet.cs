using Engine.Runtime.Autoencoding;
using Engine.Runtime.Contract;
using Engine.Training.Algorithms;
using Engine.Training.Datasets;

namespace Engine.Host.Pipeline;

/// <summary>Recorded episodes with, computed once when first asked for, their latents and their frames through the autoencoder.</summary>
public sealed class EncodedSet
{
    private readonly Lazy<float[][]> _latents;
    private readonly Lazy<byte[][]> _reconstructions;

    public EncodedSet(IReadOnlyList<Episode> episodes, CameraSpec camera, Func<string, long[]> tokenise, Func<Autoencoder> autoencoder, IProgressReporter progress, CancellationToken cancellation)
    {
        Set = new TrainingSet(episodes, camera, tokenise);
        _latents = new(() => AutoencoderTraining.Encode(autoencoder(), Set, progress, cancellation));
        _reconstructions = new(() =>
        {
            using var task = progress.Begin("decode frames", Set.Episodes.Count, "episodes");
            return Array.ConvertAll(Latents, latents =>
            {
                cancellation.ThrowIfCancellationRequested();
                var frames = autoencoder().Decode(latents);
                task.Advance();
                return frames;
            });
        });
    }

    public TrainingSet Set { get; }

    public IReadOnlyList<Episode> Episodes => Set.Episodes;

    /// <summary>[T + 1, h, w, C] by episode.</summary>
    public float[][] Latents => _latents.Value;

    /// <summary>u8 [T + 1, H, W, 3] by episode.</summary>
    public byte[][] Reconstructions => _reconstructions.Value;
}
