using System.CommandLine;
using Engine.Host.Commands;

namespace Engine.Host.Tests.Commands;

public class CommandLineTests
{
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    [Fact]
    public async Task A_verb_runs_and_its_status_is_the_programs()
    {
        Assert.Equal(7, await Run(["greet", "--name", "robot"], new Greet(context => context.Out.Write("hello"), 7)));
        Assert.Equal("hello", _output.ToString());
        Assert.Equal("", _error.ToString());
    }

    [Theory]
    [InlineData("gret", "unknown verb 'gret'. Did you mean 'greet'?")]
    [InlineData("tset", "unknown verb 'tset'. Did you mean 'test'?")]
    [InlineData("xyzzy", "unknown verb 'xyzzy'. ./engine --help")]
    [InlineData("greet --nmae x", "unknown option '--nmae'. Did you mean '--name'? ./engine greet --help")]
    [InlineData("greet --debg", "unknown option '--debg'. Did you mean '--debug'?")]
    [InlineData("greet there", "'there' is one argument too many.")]
    [InlineData("greet --count many", "Cannot parse argument 'many'")]
    [InlineData("deep", "./engine deep needs one of: verb.")]
    [InlineData("deep vreb", "unknown verb 'vreb'. Did you mean 'verb'?")]
    public async Task A_wrong_call_is_one_sentence_and_status_2(string call, string message)
    {
        Assert.Equal(2, await Run(call.Split(' '), new Greet(), new Deep()));
        Assert.Contains(message, _error.ToString(), StringComparison.Ordinal);
        Assert.Single(_error.ToString().Trim().Split('\n'));
        Assert.Equal("", _output.ToString());
    }

    [Fact]
    public async Task A_failure_is_its_message_without_a_stack_trace()
    {
        var verb = new Greet(_ => throw new InvalidDataException("episode 3 is cut short: 10 bytes are missing; delete it"));
        Assert.Equal(1, await Run(["greet"], verb));
        Assert.Equal("engine: episode 3 is cut short: 10 bytes are missing; delete it\n", _error.ToString());
    }

    [Fact]
    public async Task Debug_adds_the_stack_trace()
    {
        Assert.Equal(1, await Run(["greet", "--debug"], new Greet(_ => throw new InvalidDataException("broken"))));
        Assert.Contains("InvalidDataException", _error.ToString(), StringComparison.Ordinal);
        Assert.Contains("   at ", _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Carriers_are_opened_and_parameter_names_dropped()
    {
        var inner = new ArgumentException("the batch is empty; add episodes", "batch");
        Assert.Equal(1, await Run(["greet"], new Greet(_ => throw new AggregateException(new TypeInitializationException("T", inner)))));
        Assert.Equal("engine: the batch is empty; add episodes\n", _error.ToString());
    }

    [Fact]
    public async Task A_full_disk_is_said_in_words()
    {
        Assert.Equal(1, await Run(["greet"], new Greet(_ => throw new IOException("No space left on device : '/x'", 28))));
        Assert.Contains("no space is left on the device", _error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_usage_error_of_the_verb_is_status_2() =>
        Assert.Equal(2, await Run(["greet"], new Greet(_ => throw new UsageException("--a and --b exclude each other"))));

    [Fact]
    public async Task Help_shows_options_and_examples_and_the_launchers_verbs()
    {
        Assert.Equal(0, await Run(["greet", "--help"], new Greet()));
        Assert.Contains("./engine greet --name robot", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("./engine greet [options]", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, await Run([], new Greet()));
        Assert.Contains("./engine <verb> --help", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("Build, check the format and run every test", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Quiet_silences_notes_but_not_results()
    {
        await Run(["greet", "--quiet"], new Greet(context =>
        {
            context.Progress.Note("a note");
            context.Out.Write("a result");
        }));
        Assert.Equal("a result", _output.ToString());
        Assert.Equal("", _error.ToString());
    }

    [Fact]
    public async Task Every_verb_has_a_summary_and_examples_that_parse()
    {
        var verbs = VerbCatalogue.All();
        Assert.Contains(verbs, verb => verb.Name == "doctor");
        foreach (var verb in verbs)
        {
            Assert.EndsWith(".", verb.Summary, StringComparison.Ordinal);
            Assert.NotEmpty(verb.Examples);
            foreach (string example in verb.Examples)
            {
                Assert.StartsWith(verb.Name, example, StringComparison.Ordinal);
                var root = VerbCatalogue.Build([verb], [], (_, _, _) => Task.FromResult(0));
                Assert.Empty(root.Parse(example.Split('>')[0]).Errors);
            }
        }

        _output.GetStringBuilder().Clear();
        foreach (var verb in verbs) Assert.Equal(0, await CommandLine.RunAsync([.. verb.Name.Split(' '), "--help"], _output, _error));
    }

    [Fact]
    public async Task A_configured_verb_reads_overrides_seed_and_folder()
    {
        VerbRun<Settings>? seen = null;
        Assert.Equal(0, await Run(["configured", "steps=7", "--seed", "12", "--out", "/tmp/x"], new Configured(run => seen = run)));
        Assert.Equal((7, 12UL, "/tmp/x"), (seen!.Configuration.Steps, seen.Seed, seen.Out));
        Assert.Equal(0, await Run(["configured"], new Configured(run => seen = run)));
        Assert.Equal((3, 0UL, Path.GetFullPath("runs/configured")), (seen.Configuration.Steps, seen.Seed, seen.Out));
    }

    [Fact]
    public async Task A_configured_verb_prints_its_configuration_or_says_what_is_wrong_with_it()
    {
        Assert.Equal(0, await Run(["configured", "--print-config", "steps=4"], new Configured(_ => Assert.Fail("it ran"))));
        Assert.Equal("steps: 4\n", _output.ToString());
        Assert.Equal(1, await Run(["configured", "stpes=4"], new Configured(_ => Assert.Fail("it ran"))));
        Assert.Equal("engine: override 'stpes=4': unknown key 'stpes'. Did you mean 'steps'?\n", _error.ToString());
    }

    private Task<int> Run(string[] args, params Verb[] verbs) => CommandLine.RunAsync(args, _output, _error, verbs);

    private sealed class Greet(Action<VerbContext>? work = null, int status = 0) : Verb
    {
        public override string Name => "greet";

        public override string Summary => "Greets.";

        public override IReadOnlyList<string> Examples => ["greet --name robot"];

        public override void Configure(Command command)
        {
            command.Add(new Option<string>("--name"));
            command.Add(new Option<int>("--count"));
        }

        public override Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
        {
            work?.Invoke(context);
            return Task.FromResult(status);
        }
    }

    private sealed class Settings
    {
        public int Steps { get; set; } = 3;
    }

    private sealed class Configured(Action<VerbRun<Settings>> work) : ConfiguredVerb<Settings>
    {
        public override string Name => "configured";

        public override string Summary => "Has settings.";

        public override IReadOnlyList<string> Examples => ["configured steps=4"];

        protected override Task<int> RunAsync(VerbRun<Settings> run, CancellationToken cancellation)
        {
            work(run);
            return Task.FromResult(0);
        }
    }

    private sealed class Deep : Verb
    {
        public override string Name => "deep verb";

        public override string Summary => "Lies deeper.";

        public override IReadOnlyList<string> Examples => ["deep verb"];

        public override void Configure(Command command)
        {
        }

        public override Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation) => Task.FromResult(0);
    }
}
