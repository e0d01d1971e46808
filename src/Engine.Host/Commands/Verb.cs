using System.CommandLine;

namespace Engine.Host.Commands;

/// <summary>
/// One verb of the program. Every class that derives from this and has a public constructor without parameters is registered
/// by itself (<see cref="VerbCatalogue"/>): to add a verb is to add a class.
/// </summary>
public abstract class Verb
{
    /// <summary>The words that call it, e.g. <c>doctor</c> or <c>train world-model</c>; a first word of several is a group.</summary>
    public abstract string Name { get; }

    /// <summary>One sentence for the list of verbs.</summary>
    public abstract string Summary { get; }

    /// <summary>Calls to show under <c>--help</c>, without the leading <c>./engine</c>.</summary>
    public abstract IReadOnlyList<string> Examples { get; }

    /// <summary>Adds the verb's options and arguments.</summary>
    public abstract void Configure(Command command);

    /// <summary>
    /// Does the work. Returns the exit code. Throws for anything that goes wrong: the message is what the user reads, so it says what
    /// was expected, what came and what to do. On cancellation it leaves its files valid and throws <see cref="OperationCanceledException"/>.
    /// </summary>
    public abstract Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation);
}
