using Engine.Runtime.Contract;
using Engine.Simulation.Tabletop;

namespace Engine.Simulation.Tests.Tabletop;

public sealed class SceneSamplerTests
{
    private const int Seeds = 300;

    public static TheoryData<string, string> Everything =>
        [.. from family in TaskFamily.All from variation in TaskVariations.All select (family.Name, variation)];

    [Theory]
    [MemberData(nameof(Everything))]
    public void Objects_stand_apart_and_are_told_apart_by_their_names(string task, string variation)
    {
        for (ulong seed = 0; seed < Seeds; seed++)
        {
            var layout = SceneSampler.Sample(new EpisodeSpec(task, variation, seed));
            Assert.Equal(variation == "distractors" ? 5 : 3, layout.Objects.Length);
            Assert.Equal(layout.Objects.Length, layout.Objects.Select(item => item.Name).Distinct().Count());
            Assert.Contains(layout.Objects[layout.Target].Name, layout.Instruction, StringComparison.Ordinal);
            Assert.DoesNotContain("{", layout.Instruction, StringComparison.Ordinal);
            Assert.Equal(task is "push" or "put", layout.Destination >= 0);
            if (layout.Destination >= 0) Assert.Contains(layout.Objects[layout.Destination].Name, layout.Instruction, StringComparison.Ordinal);
            Assert.Equal(layout.Objects.OrderBy(item => item.Shape).Select(item => item.Shape), layout.Objects.Select(item => item.Shape));
            for (int i = 0; i < layout.Objects.Length; i++)
            {
                for (int k = 0; k < i; k++)
                {
                    var (a, b) = (layout.Objects[i], layout.Objects[k]);
                    Assert.True(double.Hypot(a.X - b.X, a.Y - b.Y) - a.Shape.Radius() - b.Shape.Radius() > 0.0399, $"{task} {variation} {seed}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Everything))]
    public void Each_variation_shows_what_it_says_and_nothing_that_training_holds_out(string task, string variation)
    {
        for (ulong seed = 0; seed < Seeds; seed++)
        {
            var layout = SceneSampler.Sample(new EpisodeSpec(task, variation, seed));
            var target = layout.Objects[layout.Target];
            Assert.Equal(variation == "unseen_colour", ObjectColours.Unseen.Contains(target.Colour));
            Assert.Equal(variation == "unseen_shape", ObjectShapes.Unseen.Contains(target.Shape));
            Assert.Equal(variation == "unseen_pair", TaskVariations.IsHeldOut(target.Colour, target.Shape));
            foreach (var item in layout.Objects.Where((_, i) => i != layout.Target))
            {
                Assert.False(TaskVariations.IsHeldOut(item.Colour, item.Shape));
                Assert.False(ObjectColours.Unseen.Contains(item.Colour));
                Assert.False(ObjectShapes.Unseen.Contains(item.Shape));
            }

            bool outside = layout.Objects.All(item => Math.Abs(item.X) > SceneSampler.Region.X || Math.Abs(item.Y) > SceneSampler.Region.Y);
            if (variation == "start_region") Assert.True(outside);
            else if (variation != "distractors") Assert.All(layout.Objects, item => Assert.True(Math.Abs(item.X) <= SceneSampler.Region.X && Math.Abs(item.Y) <= SceneSampler.Region.Y));
            Assert.Equal(variation == "texture", layout.Texture >= 0);
            Assert.Equal(variation == "lighting", layout.Light.Enabled == 1);
            Assert.Equal(variation == "camera", layout.FrontCamera != default);
        }
    }

    [Fact]
    public void In_distribution_scenes_have_three_colours_and_all_seen_pairs_are_asked_for()
    {
        var asked = new HashSet<string>();
        for (ulong seed = 0; seed < Seeds; seed++)
        {
            var layout = SceneSampler.Sample(new EpisodeSpec("reach", "in_distribution", seed));
            Assert.Equal(3, layout.Objects.Select(item => item.Colour).Distinct().Count());
            asked.Add(layout.Objects[layout.Target].Name);
        }

        Assert.Equal(4 * 3 - TaskVariations.HeldOutPairs.Count, asked.Count);
    }

    [Fact]
    public void Paraphrases_are_never_heard_in_training()
    {
        var family = TaskFamily.All;
        Assert.All(family, one => Assert.Empty(one.Templates.Intersect(one.Paraphrases)));
        Assert.All(family, one => Assert.True(one.Templates.Length >= 3 && one.Paraphrases.Length >= 3));
        var plain = SceneSampler.Sample(new EpisodeSpec("pick", "in_distribution", 4));
        var other = SceneSampler.Sample(new EpisodeSpec("pick", "paraphrase", 4));
        Assert.NotEqual(plain.Instruction, other.Instruction);
    }

    [Theory]
    [InlineData("paraphrase")]
    [InlineData("lighting")]
    [InlineData("camera")]
    [InlineData("texture")]
    public void What_does_not_touch_the_objects_leaves_the_scene_of_a_seed_alone(string variation)
    {
        foreach (var family in TaskFamily.All)
        {
            for (ulong seed = 0; seed < 20; seed++)
            {
                var plain = SceneSampler.Sample(new EpisodeSpec(family.Name, "in_distribution", seed));
                var varied = SceneSampler.Sample(new EpisodeSpec(family.Name, variation, seed));
                Assert.Equal(plain.Objects, varied.Objects);
                Assert.Equal(plain.Start, varied.Start);
                Assert.Equal(plain.Target, varied.Target);
            }
        }
    }

    [Fact]
    public void Unknown_names_are_answered_with_the_known_ones()
    {
        var task = Assert.Throws<ArgumentException>(() => SceneSampler.Sample(new EpisodeSpec("fold", "in_distribution", 0)));
        Assert.Contains("reach, push, pick, put", task.Message, StringComparison.Ordinal);
        var variation = Assert.Throws<ArgumentException>(() => SceneSampler.Sample(new EpisodeSpec("reach", "dark", 0)));
        Assert.Contains("lighting", variation.Message, StringComparison.Ordinal);
    }
}
