using System.CommandLine;
using Engine.Host.Configuration;

namespace Engine.Host.Commands;

/// <summary>
/// A verb with a configuration: <c>--config file.yaml</c>, <c>key=value</c> overrides as arguments, <c>--seed</c>, <c>--out</c>, and
/// <c>--print-config</c>, which shows what would be used and does nothing else.
/// </summary>
/// <typeparam name="TConfiguration">Plain class or record with defaults, see <see cref="ConfigurationLoader"/>.</typeparam>
public abstract class ConfiguredVerb<TConfiguration> : Verb
    where TConfiguration : class
{
    private readonly Option<string?> _config = new("--config", "-c") { Description = "YAML file; keys that it lacks keep their defaults.", HelpName = "file.yaml" };
    private readonly Option<ulong> _seed = new("--seed") { HelpName = "number" };
    private readonly Option<string> _out = new("--out", "-o") { Description = "Folder for what is made.", HelpName = "folder" };
    private readonly Option<bool> _print = new("--print-config") { Description = "Print the whole configuration as YAML and stop." };
    private readonly Argument<string[]> _overrides = new("key=value")
    {
        Description = "Changes to the configuration, e.g. optimizer.learning_rate=3e-4.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    /// <summary>Seed without <c>--seed</c>.</summary>
    protected virtual ulong DefaultSeed => 0;

    /// <summary>What <c>--help</c> says of <c>--seed</c>.</summary>
    protected virtual string SeedDescription => "Seed of everything random.";

    /// <summary>Folder without <c>--out</c>.</summary>
    protected virtual string DefaultOut => Path.Combine("runs", Name.Replace(' ', '-'));

    /// <inheritdoc />
    public override void Configure(Command command)
    {
        _seed.Description = SeedDescription;
        _seed.DefaultValueFactory = _ => DefaultSeed;
        _out.DefaultValueFactory = _ => DefaultOut;
        command.Add(_overrides);
        command.Add(_config);
        command.Add(_seed);
        command.Add(_out);
        command.Add(_print);
    }

    /// <inheritdoc />
    public sealed override Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        var configuration = ConfigurationLoader.Load<TConfiguration>(arguments.GetValue(_config), arguments.GetValue(_overrides) ?? []);
        Apply(arguments, configuration);
        if (arguments.GetValue(_print))
        {
            context.Out.Write(ConfigurationLoader.ToYaml(configuration));
            return Task.FromResult(0);
        }

        var run = new VerbRun<TConfiguration>(configuration, arguments.GetValue(_seed), Path.GetFullPath(arguments.GetValue(_out)!), arguments, context);
        return RunAsync(run, cancellation);
    }

    /// <summary>Sets what the verb's own options say, which wins over file and overrides.</summary>
    protected virtual void Apply(ParseResult arguments, TConfiguration configuration)
    {
    }

    /// <summary>Does the work, see <see cref="Verb.RunAsync"/>.</summary>
    protected abstract Task<int> RunAsync(VerbRun<TConfiguration> run, CancellationToken cancellation);
}
