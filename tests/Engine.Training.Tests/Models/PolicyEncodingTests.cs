using Engine.Runtime.Contract;
using Engine.Training.Models;
using Engine.Training.Tests.Learning;

namespace Engine.Training.Tests.Models;

public sealed class PolicyEncodingTests
{
    private static readonly TinyWorld World = new(2, 2);

    [Fact]
    public void An_action_comes_back_within_half_a_bin()
    {
        var statistics = World.Contract.ActionStatistics;
        var (action, decoded, classes) = (new float[7], new float[7], new long[7]);
        for (int k = 0; k <= 500; k++)
        {
            for (int i = 0; i < 7; i++) action[i] = statistics.Q01[i] + (statistics.Q99[i] - statistics.Q01[i]) * ((k * (i + 3)) % 501 / 500f);
            World.Encoding.Encode(action, classes);
            World.Encoding.Decode(classes, decoded);
            for (int i = 0; i < 7; i++)
            {
                // Half of a bin of 2/255 of the half range; a number outside the mask has the range −1 … 1 whatever its statistics.
                // The top edge has a class of its own that decodes to the centre below it: still half a bin.
                float halfRange = statistics.Mask[i] ? (statistics.Q99[i] - statistics.Q01[i]) / 2 : 1;
                Assert.True(Math.Abs(action[i] - decoded[i]) <= halfRange / 255 * 1.001f + 1e-7f, $"number {i}: {action[i]:R} came back as {decoded[i]:R}");
            }
        }
    }

    [Fact]
    public void Actions_beyond_the_range_take_its_end()
    {
        var (decoded, classes) = (new float[7], new long[7]);
        World.Encoding.Encode([1, -1, 5, 0, 0, 0, 7], classes);
        World.Encoding.Decode(classes, decoded);
        Assert.Equal([255, 0], classes[..2]);
        Assert.Equal(0.05f, decoded[0], 2e-4f);
        Assert.Equal(-0.05f, decoded[1], 2e-4f);
        Assert.Equal(0, decoded[2]);
    }

    [Fact]
    public void Numbers_that_never_vary_are_inactive_and_decode_to_their_constant()
    {
        Assert.Equal([true, true, false, false, false, false, true], World.Encoding.ActiveActions);
        var decoded = new float[7];
        World.Encoding.Decode([0, 0, 255, 3, 9, 200, 0], decoded);
        Assert.Equal([0f, 0, 0, 0], decoded[2..6]);
    }

    /// <summary>A rare outlier gives a deviation, but decoding spans the quantiles: such a number cannot be acted on.</summary>
    [Fact]
    public void A_number_whose_quantiles_agree_is_inactive_whatever_its_deviation()
    {
        var statistics = World.Contract.ActionStatistics with { Std = [0.02f, 0.02f, 0.001f, 0, 0, 0, 0] };
        var encoding = new PolicyEncoding(World.Contract with { ActionStatistics = statistics });
        Assert.False(encoding.ActiveActions[2]);
        var classes = new long[7];
        encoding.Encode([0, 0, 0.5f, 0, 0, 0, 1], classes);
        Assert.Equal(127, classes[2]);
    }

    [Fact]
    public void States_are_normalised_and_constants_become_zero()
    {
        float[] state = [0, 1, 4, 1, 0, 0, 0, 1];
        World.Encoding.NormaliseState(state);
        Assert.Equal([-1, 1, 0, 0, 0, 0, 0, 1], state.Select(v => MathF.Round(v, 5)));
        state[0] = 7;
        World.Encoding.NormaliseState(state);
        Assert.Equal(1, state[0]);
    }

    [Fact]
    public void Words_become_their_numbers()
    {
        Assert.Equal([1, 4, 5, 7], World.Encoding.Tokenise("go the red cube"));
        Assert.Equal([1, 2, 8, 0], World.Encoding.Tokenise("go right quickly"));
    }
}
