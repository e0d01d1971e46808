using System.Text.Json.Serialization;

namespace Engine.Host.Commands.Doctor;

/// <summary>One line of <c>engine doctor</c>.</summary>
/// <param name="Group">Heading it stands under.</param>
/// <param name="Name">What was looked for.</param>
/// <param name="State">Whether it is there.</param>
/// <param name="Value">Version or figures, or why it is missing.</param>
/// <param name="Where">Path, where it has one.</param>
/// <param name="Remedy">What to do, unless all is well.</param>
public sealed record DoctorFinding(string Group, string Name, DoctorState State, string Value, string? Where = null, string? Remedy = null);

/// <summary>Whether a part is there, there but not as it should be, or absent though needed.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DoctorState>))]
public enum DoctorState
{
    Present,
    Advice,
    Missing,
}

[JsonSerializable(typeof(List<DoctorFinding>))]
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class DoctorJson : JsonSerializerContext;
