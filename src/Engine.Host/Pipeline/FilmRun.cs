using Engine.Host.Reports;
using Engine.Runtime.Autoencoding;
using Engine.Runtime.Contract;
using Engine.Runtime.Weights;
using Engine.Training.Algorithms;
using Engine.Training.Datasets;
using Engine.Training.Rollouts;

namespace Engine.Host.Pipeline;

/// <summary>
/// A world model from films alone: no simulator, no policy. Autoencoder, diffusion transformer and their figures on held-out films, as stages
/// of a run's folder; then dreams of films, truth beside dream.
/// </summary>
internal sealed class FilmRun(RunFolder folder, EngineSettings settings, IProgressReporter progress, CancellationToken cancellation)
{
    private const string AutoencoderName = "autoencoder", WorldModelName = "world-model";

    /// <summary>What a folder's models were trained on, and how dreams of them are made.</summary>
    private sealed record Description(CameraSpec Camera, FilmScale Scale, int LatentChannels, int Width);

    private sealed record FilmsResult(int Training, int HeldOut, int Frames);

    /// <summary>Trains on the films of the settings' data folders and measures dreams of held-out films.</summary>
    public DreamResult Train()
    {
        string[] directories = [.. settings.Data];
        if (directories is not [var directory]) throw new ArgumentException($"Films come from one folder at a time; {directories.Length} were given. Put them together in one.");
        if (File.Exists(folder.At("stages", "collect.json")))
            throw new InvalidOperationException($"{folder.Path} holds a run of the simulator, whose models would be overwritten: choose another --out.");
        if (settings.Films.Size % 16 != 0 || settings.Films.Size <= 0) throw new ArgumentException($"films.size is {settings.Films.Size}; expected a multiple of 16: latents are an eighth of it, in patches of two.");
        Films? read = null;
        Films Read() => read ??= Films.Read(directory, settings.Films.Size, null, progress, cancellation);
        folder.Stage("films", new { Hash = Films.Hash(directory, cancellation), settings.Films }, [], progress, () =>
        {
            var films = Read();
            return new FilmsResult(films.Training.Length, films.HeldOut.Length, films.Training.Sum(film => film.Length + 1));
        });
        folder.Stage("autoencoder", settings.Autoencoder, ["films"], progress, () =>
        {
            var films = Read();
            RunFolder.Write(folder.At("models", "films.json"), new Description(films.Camera, films.Scale, settings.Autoencoder.LatentChannels, settings.Autoencoder.Width));
            var (model, losses) = AutoencoderTraining.Run(Set(films.Training, films.Camera), settings.Autoencoder, settings.Seed, folder.Checkpoint("autoencoder", "model"), progress, cancellation);
            ModelFiles.Write(folder, AutoencoderName, model);
            return new LossResult(model.ParameterCount, LearningRun.Thin(losses));
        });
        folder.Stage("world-model", settings.WorldModel, ["autoencoder"], progress, () =>
        {
            var films = Read();
            var autoencoder = Autoencoder();
            var set = Set(films.Training, films.Camera);
            var clips = new WorldModelTraining.Clips(AutoencoderTraining.Encode(autoencoder, set, progress, cancellation), set.Episodes, films.Scale.Embodiment, autoencoder.Rows, autoencoder.Columns, autoencoder.LatentChannels);
            var (model, losses) = WorldModelTraining.Run(clips, settings.WorldModel, settings.Seed, folder.Checkpoint("world-model", "model"), null, progress, cancellation);
            ModelFiles.Write(folder, WorldModelName, model, settings.WorldModel, autoencoder.Rows, autoencoder.Columns);
            return new LossResult(model.ParameterCount, LearningRun.Thin(losses));
        });
        return folder.Stage("dream", new { settings.Evaluation.DreamHorizon }, ["world-model"], progress, () =>
        {
            var films = Read();
            int horizon = settings.Evaluation.DreamHorizon;
            var parts = films.HeldOut.SelectMany(film => Enumerable.Range(0, film.Length / horizon).Select(k => FilmScale.Part(film, films.Camera, k * horizon, horizon))).ToArray();
            if (parts.Length < 2) throw new InvalidDataException($"The held-out films have {parts.Length} stretch of {horizon} steps; two are needed. Lower evaluation.dream_horizon, or give more films.");
            var set = Set(parts, films.Camera);
            var autoencoder = Autoencoder();
            float[][] latents = AutoencoderTraining.Encode(autoencoder, set, progress, cancellation);
            byte[][] reconstructions = Array.ConvertAll(latents, frames => autoencoder.Decode(frames));
            var report = DreamQuality.Run(Replay(films.Scale, films.Camera, autoencoder), films.Camera, set, latents, reconstructions, [.. Enumerable.Range(0, parts.Length)], horizon, 6);
            return new DreamResult(report.Psnr, report.PsnrRepeatLast, report.PsnrAutoencoder, report.Ssim, report.ActionSensitivity, DreamPictures.Write(folder.At("pictures", "dream"), report.Examples, films.Camera));
        });
    }

    /// <summary>Dreams films from their first frames on, under their actions, and writes truth beside dream as one GIF.</summary>
    /// <param name="directory">Folder of the films; held-out ones first.</param>
    /// <param name="count">Films at most.</param>
    /// <param name="steps">Frames at most.</param>
    /// <param name="gif">File to write.</param>
    /// <returns>For each film its number, its frames, the PSNR of its dream (dB, mean over frames) and that of its first frame repeated.</returns>
    public (ulong Film, int Frames, double Psnr, double Repeat)[] Dream(string directory, int count, int steps, string gif)
    {
        var description = Describe();
        var films = Films.Read(directory, description.Camera.Height, description.Scale, progress, cancellation);
        Episode[] chosen = [.. films.HeldOut.Concat(films.Training).Take(count).Select(film => FilmScale.Part(film, films.Camera, 0, Math.Min(steps, film.Length)))];
        var autoencoder = Autoencoder();
        var set = Set(chosen, description.Camera);
        float[][] latents = AutoencoderTraining.Encode(autoencoder, set, progress, cancellation);
        byte[][] dreams = Replay(description.Scale, description.Camera, autoencoder).All(set, latents, progress, cancellation);
        int bytes = description.Camera.Bytes;
        byte[][] Frames(byte[] all) => [.. all.Chunk(bytes)];
        var panels = chosen.SelectMany((film, i) => new (string, IReadOnlyList<byte[]>)[] { ($"film {film.Seed}", Frames(film.Images[description.Camera.Name])), ("dream", Frames(dreams[i])) }).ToArray();
        AtomicFile.WriteBytes(gif, Animation.Beside(panels, description.Camera.Width, description.Camera.Height, 2, (int)(1000 / description.Scale.ControlHz), 2));
        return [.. chosen.Select((film, i) =>
        {
            byte[] truth = film.Images[description.Camera.Name];
            int[] frames = [.. Enumerable.Range(1, film.Length)];
            return (film.Seed, film.Length, frames.Average(f => ImageQuality.Psnr(dreams[i].AsSpan(f * bytes, bytes), truth.AsSpan(f * bytes, bytes))),
                frames.Average(f => ImageQuality.Psnr(truth.AsSpan(0, bytes), truth.AsSpan(f * bytes, bytes))));
        })];
    }

    private static TrainingSet Set(IReadOnlyList<Episode> films, CameraSpec camera) => new(films, camera, _ => []);

    private Description Describe()
    {
        string file = folder.At("models", "films.json");
        if (!File.Exists(file)) throw new InvalidDataException($"{folder.Path} holds no world model of films: engine train world-model --data <films> --out {folder.Path} makes one.");
        return RunFolder.Load<Description>(file);
    }

    private Autoencoder Autoencoder() => ModelFiles.ReadAutoencoder(folder, AutoencoderName, Describe().Camera);

    private DreamReplay Replay(FilmScale scale, CameraSpec camera, Autoencoder autoencoder)
    {
        var weights = ModelFiles.Read(folder, WorldModelName);
        return new DreamReplay(weights, autoencoder, scale.Embodiment, camera, weights.Config.SamplingSteps, settings.Seed);
    }
}
