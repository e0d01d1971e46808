using System.CommandLine;
using System.CommandLine.Help;

namespace Engine.Host.Commands;

/// <summary>Finds the verbs and builds the command tree.</summary>
public static class VerbCatalogue
{
    /// <summary>What the launcher does itself, before the program is built; listed in the help, and suggested for misspelt verbs.</summary>
    public static IReadOnlyList<(string Name, string Summary)> LauncherVerbs { get; } =
    [
        ("setup", "Set up and build everything, run nothing."),
        ("test", "Build, check the format and run every test; takes project names and the test runner's filters."),
    ];

    private static readonly Dictionary<string, string> GroupSummaries = new()
    {
        ["data"] = "Look at recorded episodes.",
        ["train"] = "Learn one part from a data directory.",
        ["worldmodel"] = "Run a world model.",
        ["bench"] = "Time dreams, kernels, the autoencoder, the simulator and serving on this machine.",
        ["experiment"] = "Run an experiment of docs/results.",
    };

    /// <summary>One instance of every verb of this assembly, by name.</summary>
    public static IReadOnlyList<Verb> All() => typeof(Verb).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(Verb)) && !type.IsAbstract && type.GetConstructor(Type.EmptyTypes) is not null)
        .Select(type => (Verb)Activator.CreateInstance(type)!)
        .OrderBy(verb => verb.Name, StringComparer.Ordinal)
        .ToList();

    /// <summary>The command tree of <paramref name="verbs"/>; <paramref name="invoke"/> runs one of them.</summary>
    public static RootCommand Build(
        IEnumerable<Verb> verbs, IEnumerable<Option> globalOptions, Func<Verb, ParseResult, CancellationToken, Task<int>> invoke)
    {
        var root = new RootCommand("Learns a world model, a reward and a policy from robot demonstrations, improves the policy in the dream, and serves it.");
        foreach (var option in globalOptions)
        {
            option.Recursive = true;
            root.Add(option);
        }

        var examples = new Dictionary<Command, IReadOnlyList<string>>();
        foreach (var verb in verbs)
        {
            string[] words = verb.Name.Split(' ');
            Command parent = root;
            foreach (string word in words[..^1])
            {
                var group = parent.Subcommands.FirstOrDefault(command => command.Name == word);
                if (group is null)
                {
                    group = new Command(word, GroupSummaries.GetValueOrDefault(word, $"Verbs of {word}."));
                    parent.Add(group);
                }

                parent = group;
            }

            var command = new Command(words[^1], verb.Summary);
            verb.Configure(command);
            command.SetAction((arguments, cancellation) => invoke(verb, arguments, cancellation));
            examples[command] = verb.Examples;
            parent.Add(command);
        }

        foreach (var option in root.Options.OfType<HelpOption>())
        {
            if (option.Action is HelpAction help) option.Action = new HelpWithExamples(help, examples);
        }

        return root;
    }
}
