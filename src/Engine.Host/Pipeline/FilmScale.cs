using Engine.Runtime.Contract;

namespace Engine.Host.Pipeline;

/// <summary>How films' actions are scaled: so that sums of them since a film's first frame stay within ±1 in the films that were learnt from.</summary>
/// <param name="Divisors">What each of the six motion numbers is divided by, in the source's units.</param>
/// <param name="StepLimits">Greatest |action| after that.</param>
/// <param name="ControlHz">Frames a second.</param>
public sealed record FilmScale(float[] Divisors, float[] StepLimits, double ControlHz)
{
    private const int Motions = 6;

    /// <summary>Limits and workspace of the scaled films.</summary>
    public EmbodimentSpec Embodiment => new()
    {
        StepLimit = StepLimits,
        PoseLow = [.. Enumerable.Repeat(-1.1f, Motions)],
        PoseHigh = [.. Enumerable.Repeat(1.1f, Motions)],
        ControlHz = ControlHz,
    };

    /// <summary>The scale of some films.</summary>
    public static FilmScale Of(IReadOnlyList<Episode> films)
    {
        float[] reach = [.. Enumerable.Repeat(1e-6f, Motions)], step = [.. Enumerable.Repeat(1e-6f, Motions)];
        foreach (var film in films)
        {
            for (int i = 0; i < Motions; i++)
            {
                float sum = 0;
                for (int t = 0; t < film.Length; t++)
                {
                    sum += film.Actions[t, i];
                    reach[i] = Math.Max(reach[i], Math.Abs(sum));
                    step[i] = Math.Max(step[i], Math.Abs(film.Actions[t, i]));
                }
            }
        }

        return new FilmScale(reach, [.. step.Zip(reach, (s, r) => s / r)], 5);
    }

    /// <summary>A film with scaled actions, and with poses that are their sums.</summary>
    public Episode Apply(Episode film)
    {
        var actions = new float[film.Length, Motions + 1];
        var commands = new float[film.Length + 1, Motions + 1];
        var states = new float[film.Length + 1, 8];
        Span<float> command = stackalloc float[Motions + 1], action = stackalloc float[Motions + 1], state = stackalloc float[8];
        command[Motions] = film.Command(0)[Motions];
        var embodiment = Embodiment;
        for (int t = 0; t <= film.Length; t++)
        {
            if (t > 0)
            {
                for (int i = 0; i <= Motions; i++) actions[t - 1, i] = action[i] = i < Motions ? film.Actions[t - 1, i] / Divisors[i] : film.Actions[t - 1, i];
                embodiment.Advance(command, action);
            }

            EmbodimentSpec.ToState(command, state);
            for (int i = 0; i <= Motions; i++) commands[t, i] = command[i];
            for (int i = 0; i < 8; i++) states[t, i] = state[i];
        }

        return film with { Actions = actions, Commands = commands, States = states, Progress = [] };
    }

    /// <summary>The frames <paramref name="first"/> to <paramref name="first"/> + <paramref name="steps"/> of a film.</summary>
    public static Episode Part(Episode film, CameraSpec camera, int first, int steps)
    {
        var images = new Dictionary<string, byte[]> { [camera.Name] = film.Images[camera.Name].AsSpan(first * camera.Bytes, (steps + 1) * camera.Bytes).ToArray() };
        return film with { Images = images, Actions = Rows(film.Actions, first, steps), Commands = Rows(film.Commands, first, steps + 1), States = Rows(film.States, first, steps + 1) };
    }

    private static float[,] Rows(float[,] source, int first, int count)
    {
        var part = new float[count, source.GetLength(1)];
        Array.Copy(source, first * source.GetLength(1), part, 0, part.Length);
        return part;
    }
}
