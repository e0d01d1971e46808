using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Gae;

/// <summary>
/// On a device: Gae.cu, one pass over memory. Sums are composed by segments of time, so the last bits are not the processor's. Flags are not checked: what is not 0
/// counts as 1.
/// </summary>
public static partial class Gae
{
    private const int DeviceThreads = 256;

    /// <summary>As on the processor: terminated steps have no next value, terminated and truncated ones end the recursion.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="rewards">r, [T, B]. Where B is a multiple of 4 and all spans start at multiples of four elements, four environments move at once.</param>
    /// <param name="values">V(s_t), [T, B].</param>
    /// <param name="nextValues">V(s_{t+1}), [T, B].</param>
    /// <param name="terminated">1 where the step ended the episode for good, [T, B].</param>
    /// <param name="truncated">1 where the step was the last for another reason, [T, B].</param>
    /// <param name="steps">T.</param>
    /// <param name="environments">B.</param>
    /// <param name="gamma">Discount γ.</param>
    /// <param name="lambda">λ.</param>
    /// <param name="advantages">A, [T, B].</param>
    /// <param name="returns">A + V, [T, B]; may be empty when not wanted.</param>
    /// <exception cref="ArgumentException">A length does not fit.</exception>
    public static void Compute(
        CudaStream stream, DeviceSpan<float> rewards, DeviceSpan<float> values, DeviceSpan<float> nextValues, DeviceSpan<byte> terminated, DeviceSpan<byte> truncated,
        int steps, int environments, float gamma, float lambda, DeviceSpan<float> advantages, DeviceSpan<float> returns)
    {
        CheckDevice(steps, environments, [(nameof(rewards), rewards), (nameof(values), values), (nameof(nextValues), nextValues), (nameof(advantages), advantages)], returns);
        RequireFlags(nameof(terminated), terminated, steps, environments);
        RequireFlags(nameof(truncated), truncated, steps, environments);
        if (steps == 0 || environments == 0) return;
        int vector = Vector(environments, [rewards, values, nextValues, advantages, returns], [terminated, truncated]);
        stream.Launch(
            Describe(vector, "gae"), Grid(environments, vector), rewards, values, nextValues, terminated, truncated, steps, environments, gamma, gamma * lambda, advantages, DeviceElement.OrNone(returns));
    }

    /// <summary>CleanRL's convention, which reads least: begins_t says that step t is the first of a new episode, V_{t+1} is the next row of <paramref name="values"/>.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="rewards">r, [T, B].</param>
    /// <param name="values">V(s_t), [T, B].</param>
    /// <param name="begins">1 where the step is an episode's first, [T, B].</param>
    /// <param name="lastValues">V of the observations after the last step, [B].</param>
    /// <param name="lastBegins">Whether those begin a new episode, [B].</param>
    /// <param name="steps">T.</param>
    /// <param name="environments">B.</param>
    /// <param name="gamma">Discount γ.</param>
    /// <param name="lambda">λ.</param>
    /// <param name="advantages">A, [T, B].</param>
    /// <param name="returns">A + V, [T, B]; may be empty when not wanted.</param>
    /// <exception cref="ArgumentException">A length does not fit.</exception>
    public static void ComputeFromBeginnings(
        CudaStream stream, DeviceSpan<float> rewards, DeviceSpan<float> values, DeviceSpan<byte> begins, DeviceSpan<float> lastValues, DeviceSpan<byte> lastBegins,
        int steps, int environments, float gamma, float lambda, DeviceSpan<float> advantages, DeviceSpan<float> returns)
    {
        CheckDevice(steps, environments, [(nameof(rewards), rewards), (nameof(values), values), (nameof(advantages), advantages)], returns);
        RequireFlags(nameof(begins), begins, steps, environments);
        lastValues.Require(environments, nameof(lastValues), "B");
        lastBegins.Require(environments, nameof(lastBegins), "B");
        if (steps == 0 || environments == 0) return;
        int vector = Vector(environments, [rewards, values, lastValues, advantages, returns], [begins, lastBegins]);
        stream.Launch(
            Describe(vector, "gae_from_beginnings"), Grid(environments, vector), rewards, values, begins, lastValues, lastBegins, steps, environments, gamma, gamma * lambda,
            advantages, DeviceElement.OrNone(returns));
    }

    /// <summary>A kernel, gae or gae_from_beginnings, for 4 or 1 environments a thread: 128 registers, 4 KiB of shared memory.</summary>
    public static CudaKernel Describe(int vector, string function) => new()
    {
        Source = "Gae/Gae.cu",
        Function = function,
        Defines = [new("ENG_VECTOR", vector)],
        ThreadsPerBlock = DeviceThreads,
        RegisterBudget = 128,
        SharedBudget = 4096,
    };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape _) =>
        [Describe(4, "gae"), Describe(1, "gae"), Describe(4, "gae_from_beginnings"), Describe(1, "gae_from_beginnings")];

    /// <summary>A block has 32 environments either way: eight lanes with four, or a warp with one each.</summary>
    private static CudaGrid Grid(int environments, int vector) => CudaGrid.Cover(environments, vector == 4 ? 8 * vector : 32);

    private static int Vector(int environments, ReadOnlySpan<DeviceSpan<float>> numbers, ReadOnlySpan<DeviceSpan<byte>> flags)
    {
        if (environments % 4 != 0) return 1;
        foreach (DeviceSpan<float> span in numbers)
        {
            if (span.Address % 16 != 0) return 1;
        }

        foreach (DeviceSpan<byte> span in flags)
        {
            if (span.Address % 4 != 0) return 1;
        }

        return 4;
    }

    private static void CheckDevice(int steps, int environments, ReadOnlySpan<(string Name, DeviceSpan<float> Span)> spans, DeviceSpan<float> returns)
    {
        CheckShape(steps, environments);
        if ((long)steps * environments > uint.MaxValue) throw new ArgumentException($"T·B = {steps} × {environments} is more than a device's 2³² − 1 elements; take fewer steps at once.", nameof(steps));
        foreach (var (name, span) in spans) span.Require((long)steps * environments, name, $"T·B = {steps} × {environments}");
        if (returns.Length != 0) returns.Require((long)steps * environments, nameof(returns), $"T·B = {steps} × {environments}");
    }

    private static void RequireFlags(string name, DeviceSpan<byte> flags, int steps, int environments) =>
        flags.Require((long)steps * environments, name, $"T·B = {steps} × {environments}");
}
