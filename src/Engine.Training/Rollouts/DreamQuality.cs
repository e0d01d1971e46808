using Engine.Runtime.Contract;
using Engine.Training.Datasets;

namespace Engine.Training.Rollouts;

/// <summary>Replays held-out episodes in the dream: the recorded actions from the recorded first frame, dream beside truth.</summary>
public static class DreamQuality
{
    /// <summary>Figures by horizon 1 … H (means over episodes) and the frames of a few episodes.</summary>
    public sealed record Report
    {
        /// <summary>PSNR of the dream against the recorded frame (dB).</summary>
        public required double[] Psnr { get; init; }

        /// <summary>PSNR of the first frame, repeated, against the recorded frame (dB).</summary>
        public required double[] PsnrRepeatLast { get; init; }

        /// <summary>PSNR of the recorded frame through the autoencoder (dB): the most that the dream can reach.</summary>
        public required double[] PsnrAutoencoder { get; init; }

        public required double[] Ssim { get; init; }

        /// <summary>
        /// How much nearer to the truth a dream is under the recorded actions than under another episode's (dB); see <see cref="Run"/>.
        /// </summary>
        public required double ActionSensitivity { get; init; }

        /// <summary>Truth and dream, u8 [H + 1, h, w, 3] each.</summary>
        public required (byte[] Truth, byte[] Dream, string Instruction)[] Examples { get; init; }
    }

    /// <summary>
    /// Measures dreams of <paramref name="horizon"/> frames on the episodes that are long enough. Action sensitivity is
    /// <c>PSNR(dream under its own actions) − PSNR(dream under another episode's actions)</c> in dB, mean over horizons: 0 when the
    /// dream ignores the actions.
    /// </summary>
    /// <exception cref="ArgumentException">No episode is long enough.</exception>
    public static Report Run(DreamReplay replay, CameraSpec camera, TrainingSet data, float[][] latents, byte[][] reconstructions, int[] episodes, int horizon, int examples)
    {
        var chosen = episodes.Where(e => data.Episodes[e].Length >= horizon).Take(64).ToArray();
        if (chosen.Length < 2) throw new ArgumentException($"Fewer than two held-out episodes have {horizon} steps; lower the horizon or collect more.", nameof(episodes));
        int[] horizons = [.. chosen.Select(_ => horizon)];
        var own = replay.Run(data, latents, chosen, chosen, horizons);
        var other = replay.Run(data, latents, chosen, [.. chosen.Skip(1), chosen[0]], horizons);
        var (psnr, repeat, ceiling, ssim) = (new double[horizon], new double[horizon], new double[horizon], new double[horizon]);
        double sensitivity = 0;
        int bytes = camera.Bytes;
        for (int k = 0; k < chosen.Length; k++)
        {
            int e = chosen[k];
            for (int h = 1; h <= horizon; h++)
            {
                var truth = data.Image(e, h);
                var dream = own[k].AsSpan(h * bytes, bytes);
                double value = ImageQuality.Psnr(dream, truth);
                psnr[h - 1] += value / chosen.Length;
                repeat[h - 1] += ImageQuality.Psnr(data.Image(e, 0), truth) / chosen.Length;
                ceiling[h - 1] += ImageQuality.Psnr(reconstructions[e].AsSpan(h * bytes, bytes), truth) / chosen.Length;
                ssim[h - 1] += ImageQuality.Ssim(dream, truth, camera.Height, camera.Width) / chosen.Length;
                sensitivity += (value - ImageQuality.Psnr(other[k].AsSpan(h * bytes, bytes), truth)) / (chosen.Length * horizon);
            }
        }

        var shown = Enumerable.Range(0, Math.Min(examples, chosen.Length)).Select(k =>
        {
            var truth = new byte[(horizon + 1) * bytes];
            for (int h = 0; h <= horizon; h++) data.Image(chosen[k], h).CopyTo(truth.AsSpan(h * bytes));
            return (truth, own[k], data.Episodes[chosen[k]].Instruction);
        }).ToArray();
        return new Report { Psnr = psnr, PsnrRepeatLast = repeat, PsnrAutoencoder = ceiling, Ssim = ssim, ActionSensitivity = sensitivity, Examples = shown };
    }
}
