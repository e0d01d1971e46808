using Engine.Runtime.Policies;

namespace Engine.Runtime.Tests.Policies;

public sealed class InstructionTokenizerTests
{
    [Fact]
    public void Words_get_tokens_in_ordinal_order()
    {
        var tokenizer = InstructionTokenizer.FromInstructions(["Reach the red cube.", "push the BLUE ball!"], maxWords: 6);
        Assert.Equal(["ball", "blue", "cube", "push", "reach", "red", "the"], tokenizer.Vocabulary);
        Assert.Equal([5, 7, 6, 3, 0, 0], tokenizer.Encode("  reach the\tred, cube?"));
        Assert.Equal([4, 8, 7, 8, 1, 0], tokenizer.Encode("push over the green ball"));
        Assert.Equal(9, tokenizer.TokenCount);
    }

    [Fact]
    public void Long_instructions_are_cut_and_empty_ones_are_padding()
    {
        var tokenizer = new InstructionTokenizer(["a", "b"], maxWords: 3);
        Assert.Equal([1, 2, 1], tokenizer.Encode("a b a b"));
        Assert.Equal([0, 0, 0], tokenizer.Encode(" … "));
        Assert.Throws<ArgumentException>(() => tokenizer.Encode("a", new int[2]));
    }

    [Theory]
    [InlineData("pick-and-place", "pick and place")]
    [InlineData("the robot's GRIPPER", "the robots gripper")]
    [InlineData("Schüssel №2 \ud83d\ude00 ok", "schüssel 2 ok")]
    [InlineData("lone \ud83d surrogate", "lone surrogate")]
    public void Splitting(string instruction, string words) => Assert.Equal(words.Split(' '), InstructionTokenizer.Split(instruction));

    [Theory]
    [InlineData("a", "a")]
    [InlineData("two words")]
    [InlineData("Upper")]
    [InlineData("")]
    public void A_bad_vocabulary_is_refused(params string[] vocabulary) =>
        Assert.Throws<ArgumentException>(() => new InstructionTokenizer(vocabulary, 4));
}
