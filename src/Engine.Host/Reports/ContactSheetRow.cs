namespace Engine.Host.Reports;

/// <summary>One strip of a <see cref="ContactSheet"/>.</summary>
/// <param name="Caption">One line above the pictures.</param>
/// <param name="Pictures">Pictures of the same size, u8 RGB [height, width, 3] each.</param>
/// <param name="Mark">Colour of the square before the caption, or none.</param>
public sealed record ContactSheetRow(string Caption, IReadOnlyList<byte[]> Pictures, Rgb? Mark = null);
