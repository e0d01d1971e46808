namespace Engine.Simulation.Tabletop;

/// <summary>A family of tasks: its step limit and its ways of saying what is wanted.</summary>
/// <param name="Name">Name, as an <see cref="Runtime.Contract.EpisodeSpec"/> says it.</param>
/// <param name="Index">Number that keys the family's random draws.</param>
/// <param name="StepLimit">Control steps after which an episode is cut.</param>
/// <param name="Templates">Instructions in distribution; <c>{x}</c> is the named object, <c>{y}</c> the destination, <c>{on}</c> is <c>in</c> for a bowl and <c>on</c> for anything else.</param>
/// <param name="Paraphrases">Instructions that only the variation <c>paraphrase</c> uses.</param>
public sealed record TaskFamily(string Name, int Index, int StepLimit, string[] Templates, string[] Paraphrases)
{
    /// <summary>The fingertips at the named object.</summary>
    public static TaskFamily Reach { get; } = new(
        "reach", 0, 12,
        ["reach the {x}", "move to the {x}", "go to the {x}", "touch the {x}"],
        ["bring the gripper to the {x}", "approach the {x} with your fingers", "where is the {x} ? show me by going there"]);

    /// <summary>The named object beside another.</summary>
    public static TaskFamily Push { get; } = new(
        "push", 1, 24,
        ["push the {x} to the {y}", "push the {x} towards the {y}", "move the {x} next to the {y}", "slide the {x} to the {y}"],
        ["shove the {x} over to the {y}", "get the {x} close to the {y} without lifting it", "the {x} belongs beside the {y} , push it there"]);

    /// <summary>The named object off the table.</summary>
    public static TaskFamily Pick { get; } = new(
        "pick", 2, 20,
        ["pick up the {x}", "lift the {x}", "grasp the {x} and lift it", "take the {x}"],
        ["raise the {x} off the table", "get hold of the {x} and hold it up", "i would like to have the {x} in your hand"]);

    /// <summary>The named object on a plate or in a bowl.</summary>
    public static TaskFamily Put { get; } = new(
        "put", 3, 32,
        ["put the {x} {on} the {y}", "place the {x} {on} the {y}", "move the {x} {on}to the {y}", "drop the {x} {on} the {y}"],
        ["the {y} is where the {x} should go", "set the {x} down {on} the {y} over there", "i want to find the {x} {on} the {y}"]);

    /// <summary>Every family.</summary>
    public static IReadOnlyList<TaskFamily> All { get; } = [Reach, Push, Pick, Put];

    /// <summary>The family of that name.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists the known ones.</exception>
    public static TaskFamily Find(string name) => All.FirstOrDefault(family => family.Name == name)
        ?? throw new ArgumentException($"Task '{name}' is unknown. Known tasks: {string.Join(", ", All.Select(family => family.Name))}.");
}
