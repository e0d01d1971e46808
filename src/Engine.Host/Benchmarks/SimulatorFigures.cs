using System.Diagnostics;
using System.Globalization;
using Engine.Runtime.Contract;
using Engine.Simulation.Tabletop;

namespace Engine.Host.Benchmarks;

/// <summary>Control steps and frames a second of the embedded simulator.</summary>
internal static class SimulatorFigures
{
    /// <summary>Measures so many tables for so many seconds and writes a line.</summary>
    public static void Run(int count, double seconds, TextWriter output)
    {
        using var tables = new TabletopEnvironment(new TabletopOptions { Count = count });
        var camera = tables.Info.Cameras[0];
        int[] all = Enumerable.Range(0, count).ToArray();
        var images = new byte[count * camera.Bytes];
        var actions = new float[count * 7];
        ulong episode = 0;
        tables.Reset(all, Specs(all, ref episode));
        long steps = 0;
        double stepping = 0, drawing = 0;
        var whole = Stopwatch.StartNew();
        while (whole.Elapsed.TotalSeconds < seconds)
        {
            int[] ended = all.Where(i => tables.Terminated(i) || tables.Truncated(i)).ToArray();
            if (ended.Length > 0) tables.Reset(ended, Specs(ended, ref episode));
            long start = Stopwatch.GetTimestamp();
            tables.Step(all, actions);
            stepping += Stopwatch.GetElapsedTime(start).TotalSeconds;
            start = Stopwatch.GetTimestamp();
            tables.Render(all, camera.Name, images);
            drawing += Stopwatch.GetElapsedTime(start).TotalSeconds;
            steps += count;
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"simulator B={count} threads={Environment.ProcessorCount}: {steps / stepping:0} control steps/s, {steps / drawing:0} frames/s of {camera.Width}×{camera.Height}, {steps / whole.Elapsed.TotalSeconds:0} steps with a frame/s"));
    }

    private static EpisodeSpec[] Specs(int[] environments, ref ulong episode)
    {
        var specs = new EpisodeSpec[environments.Length];
        for (int i = 0; i < specs.Length; i++) specs[i] = new EpisodeSpec("reach", "in_distribution", episode++);
        return specs;
    }
}
