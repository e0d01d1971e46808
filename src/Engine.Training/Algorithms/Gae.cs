namespace Engine.Training.Algorithms;

/// <summary>Temporary.</summary>
public static class Gae
{
    public static void Compute(int steps, int environments, ReadOnlySpan<float> rewards, ReadOnlySpan<float> values, ReadOnlySpan<float> nextValues, ReadOnlySpan<bool> terminated, ReadOnlySpan<bool> truncated, float gamma, float lambda, Span<float> advantages, Span<float> returns)
    {
        for (int n = 0; n < environments; n++)
        {
            float running = 0;
            for (int t = steps - 1; t >= 0; t--)
            {
                int at = t * environments + n;
                float delta = rewards[at] + (terminated[at] ? 0 : gamma * nextValues[at]) - values[at];
                running = delta + (terminated[at] || truncated[at] ? 0 : gamma * lambda * running);
                advantages[at] = running;
                returns[at] = running + values[at];
            }
        }
    }
}
