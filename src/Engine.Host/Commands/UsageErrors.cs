using System.CommandLine;
using Engine.Host.Configuration;

namespace Engine.Host.Commands;

/// <summary>Says in one sentence what is wrong with a call, and what was probably meant.</summary>
internal static class UsageErrors
{
    public static string Describe(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        string path = Path(parsed);
        string pointer = $"{path} --help shows what there is.";
        string? token = parsed.UnmatchedTokens.FirstOrDefault();
        if (token is null)
        {
            if (command.Subcommands.Count > 0 && command.Action is null)
                return $"{path} needs one of: {string.Join(", ", command.Subcommands.Select(verb => verb.Name))}.";
            return $"{parsed.Errors[0].Message.TrimEnd('.')}. {pointer}";
        }

        if (token.StartsWith('-'))
        {
            string name = token.Split('=', ':')[0];
            return $"unknown option '{name}'.{NearestName.Question(name, OptionNames(parsed))} {pointer}";
        }

        if (command.Subcommands.Count > 0)
        {
            var names = command.Subcommands.Select(verb => verb.Name);
            if (command is RootCommand) names = names.Concat(VerbCatalogue.LauncherVerbs.Select(verb => verb.Name));
            return $"unknown verb '{token}'.{NearestName.Question(token, names)} {pointer}";
        }

        return $"'{token}' is one argument too many. {pointer}";
    }

    private static string Path(ParseResult parsed)
    {
        var words = new List<string>();
        for (var at = parsed.CommandResult; at is not null && at.Command is not RootCommand; at = at.Parent as System.CommandLine.Parsing.CommandResult)
            words.Insert(0, at.Command.Name);
        return string.Join(' ', words.Prepend("./engine"));
    }

    private static IEnumerable<string> OptionNames(ParseResult parsed)
    {
        for (var at = parsed.CommandResult; at is not null; at = at.Parent as System.CommandLine.Parsing.CommandResult)
        {
            foreach (var option in at.Command.Options)
            {
                if (option.Hidden || (at != parsed.CommandResult && !option.Recursive)) continue;
                yield return option.Name;
                foreach (string alias in option.Aliases) yield return alias;
            }
        }
    }
}
