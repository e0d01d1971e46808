using System.Security.Cryptography;
using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;

namespace Engine.Host.Pipeline;

/// <summary>
/// Films of a robot with the actions that were sent, from elsewhere: BridgeV2 clips (<c>N.mp4</c> with <c>N.npz</c>, in the folder or in
/// its <c>train/</c> and <c>test/</c>) or an RLDS data set (<c>features.json</c> and TFRecord shards). What such sources have in common is made
/// alike: one camera at one size, and poses as sums of the actions since a film's first frame, scaled to ±1.
/// </summary>
internal sealed class Films
{
    /// <summary>Every so many films one is held out, where the source has no test part of its own.</summary>
    private const int HeldOutEvery = 8;

    private Films(CameraSpec camera, FilmScale scale, Episode[] training, Episode[] heldOut)
    {
        (Camera, Scale, Training, HeldOut) = (camera, scale, training, heldOut);
    }

    /// <summary>The camera, at the size that was asked for.</summary>
    public CameraSpec Camera { get; }

    /// <summary>How actions were scaled.</summary>
    public FilmScale Scale { get; }

    /// <summary>Films to learn from.</summary>
    public Episode[] Training { get; }

    /// <summary>Films that are never learnt from.</summary>
    public Episode[] HeldOut { get; }

    /// <summary>Whether a folder holds films of one of these forms.</summary>
    public static bool Are(string directory) =>
        Directory.Exists(directory) && (HasClips(directory) || HasClips(Path.Combine(directory, "train")) || File.Exists(Path.Combine(directory, "features.json")));

    /// <summary>SHA-256 of names and contents of a folder's films.</summary>
    public static string Hash(string directory, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        foreach (string file in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            cancellation.ThrowIfCancellationRequested();
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(Path.GetRelativePath(directory, file)));
            using var stream = File.OpenRead(file);
            for (int got; (got = stream.Read(buffer)) > 0;) hash.AppendData(buffer, 0, got);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Reads and decodes all films of a folder.</summary>
    /// <param name="directory">The folder.</param>
    /// <param name="size">Height and width to scale frames to (pixels).</param>
    /// <param name="scale">The scale of a model that has been trained; null to measure it.</param>
    /// <param name="progress">Where progress goes.</param>
    /// <param name="cancellation">Stops between films.</param>
    /// <exception cref="InvalidDataException">A film is corrupt, or there are fewer than two.</exception>
    public static Films Read(string directory, int size, FilmScale? scale, IProgressReporter progress, CancellationToken cancellation)
    {
        var (camera, training, heldOut) = Load(directory, size, progress, cancellation);
        if (training.Count + heldOut.Count < 2) throw new InvalidDataException($"{directory} holds {training.Count + heldOut.Count} film; two are needed, one to learn from and one to measure on.");
        if (heldOut.Count == 0)
        {
            heldOut = [.. training.Where((_, i) => i % HeldOutEvery == HeldOutEvery - 1 || (training.Count < HeldOutEvery && i == training.Count - 1))];
            training = [.. training.Except(heldOut)];
        }

        scale ??= FilmScale.Of(training);
        return new Films(camera, scale, [.. training.Select(scale.Apply)], [.. heldOut.Select(scale.Apply)]);
    }

    private static bool HasClips(string directory) => Directory.Exists(directory) && Directory.EnumerateFiles(directory, "*.mp4").Any();

    private static (CameraSpec Camera, List<Episode> Training, List<Episode> HeldOut) Load(string directory, int size, IProgressReporter progress, CancellationToken cancellation)
    {
        if (File.Exists(Path.Combine(directory, "features.json")))
        {
            // The first camera: data sets of this kind put the one over the shoulder there.
            string camera = RldsDataset.Open(directory).Info.Cameras[0].Name;
            var data = RldsDataset.Open(directory, [camera], size, size);
            using var task = progress.Begin("decoding films", 0, "films");
            var films = new List<Episode>();
            foreach (var film in data.Read(cancellation))
            {
                if (film.Length > 0) films.Add(film);
                task.Advance();
            }

            return (data.Info.Cameras[0], films, []);
        }

        if (HasClips(directory))
        {
            var clips = BridgeClips.Open(directory, size, size);
            return (clips.Info.Cameras[0], [.. clips.ReadAll(progress, cancellation)], []);
        }

        var train = BridgeClips.Open(Path.Combine(directory, "train"), size, size);
        string test = Path.Combine(directory, "test");
        return (train.Info.Cameras[0], [.. train.ReadAll(progress, cancellation)], HasClips(test) ? [.. BridgeClips.Open(test, size, size).ReadAll(progress, cancellation)] : []);
    }
}
