using System.CommandLine;

namespace Engine.Host.Commands;

/// <summary>One call of a <see cref="ConfiguredVerb{TConfiguration}"/>.</summary>
/// <param name="Configuration">The configuration after files and overrides.</param>
/// <param name="Seed">Seed of everything random.</param>
/// <param name="Out">Folder for what is made (full path; not created yet).</param>
/// <param name="Arguments">All arguments, for the verb's own options.</param>
/// <param name="Context">The terminal.</param>
public sealed record VerbRun<TConfiguration>(TConfiguration Configuration, ulong Seed, string Out, ParseResult Arguments, VerbContext Context);
