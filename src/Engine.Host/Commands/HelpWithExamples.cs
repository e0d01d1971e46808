using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Engine.Host.Commands;

/// <summary>The library's help followed by examples, and at the top by what the launcher does itself.</summary>
internal sealed class HelpWithExamples(HelpAction help, IReadOnlyDictionary<Command, IReadOnlyList<string>> examples) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        var output = parseResult.InvocationConfiguration.Output;
        // The library names the executable file in the usage line; people call the launcher.
        var text = new StringWriter();
        parseResult.InvocationConfiguration.Output = text;
        int status = help.Invoke(parseResult);
        parseResult.InvocationConfiguration.Output = output;
        output.Write(text.ToString().Replace(RootCommand.ExecutableName, "./engine", StringComparison.Ordinal));
        var command = parseResult.CommandResult.Command;
        if (examples.TryGetValue(command, out var calls) && calls.Count > 0)
        {
            output.WriteLine("Examples:");
            foreach (string call in calls) output.WriteLine($"  ./engine {call}");
            output.WriteLine();
        }

        if (command is RootCommand)
        {
            output.WriteLine("Of the launcher:");
            foreach (var (name, summary) in VerbCatalogue.LauncherVerbs) output.WriteLine($"  {name,-12}  {summary}");
            output.WriteLine();
            output.WriteLine("./engine <verb> --help shows a verb's options and examples.");
        }

        return status;
    }
}
