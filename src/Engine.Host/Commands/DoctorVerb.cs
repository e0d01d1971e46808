using System.CommandLine;
using System.Text.Json;
using Engine.Host.Commands.Doctor;

namespace Engine.Host.Commands;

/// <summary>Lists what the program runs on: processor, native parts with version and place, tools. Exit code 1 when something needed is missing.</summary>
public sealed class DoctorVerb : Verb
{
    private readonly Option<bool> _json = new("--json") { Description = "Print JSON instead of a table." };

    public override string Name => "doctor";

    public override string Summary => "List every native part, its version and where it was found, and what the processor can do.";

    public override IReadOnlyList<string> Examples => ["doctor", "doctor --json > machine.json"];

    public override void Configure(Command command) => command.Add(_json);

    public override Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        var findings = new List<DoctorFinding>();
        foreach (var probe in DoctorProbes.All)
        {
            cancellation.ThrowIfCancellationRequested();
            findings.AddRange(Look(probe));
        }

        if (arguments.GetValue(_json)) context.Out.WriteLine(JsonSerializer.Serialize(findings, DoctorJson.Default.ListDoctorFinding));
        else Print(findings, context.Out);
        return Task.FromResult(findings.Exists(finding => finding.State == DoctorState.Missing) ? CommandLine.Failed : 0);
    }

    private static List<DoctorFinding> Look(Func<IEnumerable<DoctorFinding>> probe)
    {
        var seen = new List<DoctorFinding>();
        try
        {
            foreach (var finding in probe()) seen.Add(finding);
        }
        catch (Exception failure)
        {
            // One part that cannot even be looked at must not hide the others.
            seen.Add(new DoctorFinding(seen.Count > 0 ? seen[^1].Group : "Other", probe.Method.DeclaringType!.Name, DoctorState.Missing, FailureMessage.Describe(failure)));
        }

        return seen;
    }

    private static void Print(List<DoctorFinding> findings, TextWriter output)
    {
        int width = findings.Max(finding => finding.Name.Length);
        foreach (var group in findings.GroupBy(finding => finding.Group))
        {
            output.WriteLine(group.Key);
            foreach (var finding in group)
            {
                string mark = finding.State switch { DoctorState.Present => "  ", DoctorState.Advice => "! ", _ => "✗ " };
                output.WriteLine($"{mark}{finding.Name.PadRight(width)}  {finding.Value}{(finding.Where is null ? "" : $"  ({finding.Where})")}");
                if (finding.Remedy is not null) output.WriteLine($"  {new string(' ', width)}  → {finding.Remedy}");
            }

            output.WriteLine();
        }

        int missing = findings.Count(finding => finding.State == DoctorState.Missing);
        output.WriteLine(missing == 0 ? "Nothing that is needed is missing." : $"{missing} needed part{(missing == 1 ? " is" : "s are")} missing.");
    }
}
