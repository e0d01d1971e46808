namespace Engine.Host.Reports;

/// <summary>
/// A 5×8 dot-matrix font for captions inside pictures: printable ASCII; a few signs of the field fall back to a look-alike, all others
/// are drawn as a box.
/// </summary>
internal static class BitmapFont
{
    /// <summary>Dots across.</summary>
    public const int Width = 5;

    /// <summary>Dots down, descenders included.</summary>
    public const int Height = 8;

    /// <summary>Dots from one letter to the next.</summary>
    public const int Advance = 6;

    // Five bytes a letter from the space on; one byte a column, lowest bit at the top.
    private const string Columns =
        "000000000000005F00000007000700147F147F14242A7F2A12231308646236495620500008070300001C2241000041221C002A1C7F1C2A08083E0808" +
        "00807030000808080808000060600020100804023E5149453E00427F400072494949462141494D331814127F1027454545393C4A4949314121110907" +
        "3649494936464949291E0036360000004034000000081422411414141414004122140802015909063E415D594E7C1211127C7F494949363E41414122" +
        "7F4141413E7F494949417F090909013E414151737F0808087F00417F41002040413F017F081422417F404040407F021C027F7F0408107F3E4141413E" +
        "7F090909063E4151215E7F09192946264949493203017F01033F4040403F1F2040201F3F4038403F631408146303047804036159494D43007F414141" +
        "0204081020004141417F04020102044040404040000307080020545478407F284444383844444428384444287F385454541800087E090218A4A49C78" +
        "7F0804047800447D40002040403D007F1028440000417F40007C047804787C080404783844444438FC1824241818242418FC7C080404084854545424" +
        "04043F44243C4040207C1C2040201C3C4030403C44281028444C9090907C4464544C44000836410000007F000000413608000201020402";

    private static readonly byte[] Bits = Convert.FromHexString(Columns);

    /// <summary>Whether the dot at column <paramref name="x"/>, row <paramref name="y"/> is drawn.</summary>
    public static bool IsSet(char letter, int x, int y)
    {
        letter = letter switch
        {
            '–' or '—' or '−' => '-',
            '×' => 'x',
            '·' => '.',
            '→' => '>',
            '’' or '‘' => '\'',
            '“' or '”' => '"',
            '…' => '.',
            _ => letter,
        };
        if (letter is < ' ' or > '~') return y < 7 && (x is 0 or 4 || y is 0 or 6);
        return (Bits[(letter - ' ') * Width + x] >> y & 1) != 0;
    }

    /// <summary>Dots that a line of text is wide.</summary>
    public static int Measure(string text) => text.Length == 0 ? 0 : text.Length * Advance - (Advance - Width);
}
