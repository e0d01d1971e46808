using System.Buffers.Binary;
using System.Text;

namespace Engine.Client;

/// <summary>
/// Where everything stands in the two records, fixed for a connection. Observation: instruction length u32 (0), temperature f32 (4), guard u64 (8),
/// then the state float32 [S], the images u8 [H, W, 3], and last the instruction's UTF-8. Actions: horizon u32 (0), width u32 (4), guard u64 (8),
/// time in the policy u64 ns (16), time in the server u64 ns (24), actions float32 [H, A] from byte 64 on. Every part begins at a multiple of 64.
/// </summary>
public sealed class PipeLayout
{
    /// <summary>Bytes of the welcome before the table of cameras.</summary>
    public const int WelcomeHead = 64;

    /// <summary>Bytes of one camera in the welcome's table.</summary>
    public const int CameraEntry = 64;

    /// <summary>Where a record's parts begin.</summary>
    public const int RecordHead = 64;

    private const int NameBytes = 48, MaxCameras = 64;

    private PipeLayout()
    {
    }

    public required IReadOnlyList<PipeCamera> Cameras { get; init; }

    /// <summary>Numbers of the state.</summary>
    public required int StateWidth { get; init; }

    /// <summary>Where the state begins in the observation (bytes).</summary>
    public required int StateOffset { get; init; }

    /// <summary>Where the instruction begins in the observation (bytes); the record may end with the instruction's last byte.</summary>
    public required int InstructionOffset { get; init; }

    /// <summary>Longest instruction (bytes of UTF-8).</summary>
    public required int InstructionBytes { get; init; }

    /// <summary>Longest observation record (bytes).</summary>
    public required int ObservationBytes { get; init; }

    /// <summary>Actions in a chunk.</summary>
    public required int Horizon { get; init; }

    /// <summary>Numbers of an action.</summary>
    public required int ActionWidth { get; init; }

    /// <summary>Actions to carry out before asking again.</summary>
    public required int ReplanEvery { get; init; }

    /// <summary>Bytes of the actions record.</summary>
    public required int ActionsBytes { get; init; }

    /// <summary>Control rate (Hz).</summary>
    public required double ControlHz { get; init; }

    /// <summary>Lays the records out.</summary>
    /// <exception cref="ArgumentException">A camera's name has more than 48 bytes, there are more than 64 cameras, or a record would not fit 2 GiB.</exception>
    public static PipeLayout Create(
        IReadOnlyList<(string Name, int Height, int Width)> cameras, int stateWidth, int instructionBytes, int horizon, int actionWidth, int replanEvery, double controlHz)
    {
        if (cameras.Count > MaxCameras) throw new ArgumentException($"{cameras.Count} cameras; a record holds at most {MaxCameras}.", nameof(cameras));
        long at = Align(RecordHead + 4L * stateWidth);
        var placed = new PipeCamera[cameras.Count];
        for (int i = 0; i < placed.Length; i++)
        {
            var (name, height, width) = cameras[i];
            if (Encoding.UTF8.GetByteCount(name) > NameBytes)
                throw new ArgumentException($"the camera's name '{name}' has more than {NameBytes} bytes; give it a shorter one.", nameof(cameras));
            placed[i] = new PipeCamera(name, height, width, (int)at);
            at = Align(at + 3L * height * width);
            if (at > int.MaxValue) throw new ArgumentException("the images of one observation exceed 2 GiB.", nameof(cameras));
        }

        long end = at + instructionBytes, actions = RecordHead + 4L * horizon * actionWidth;
        if (end > int.MaxValue || actions > int.MaxValue) throw new ArgumentException("a record exceeds 2 GiB.", nameof(horizon));
        return new PipeLayout
        {
            Cameras = placed,
            StateWidth = stateWidth,
            StateOffset = RecordHead,
            InstructionOffset = (int)at,
            InstructionBytes = instructionBytes,
            ObservationBytes = (int)end,
            Horizon = horizon,
            ActionWidth = actionWidth,
            ReplanEvery = replanEvery,
            ActionsBytes = (int)actions,
            ControlHz = controlHz,
        };
    }

    /// <summary>The payload of a welcome: 64 bytes, 64 for each camera, then the contract's JSON.</summary>
    public byte[] ToWelcome(ReadOnlySpan<byte> contract, uint ringBytes)
    {
        byte[] bytes = new byte[WelcomeHead + Cameras.Count * CameraEntry + contract.Length];
        ReadOnlySpan<uint> head =
        [
            ringBytes, (uint)Cameras.Count, (uint)StateWidth, (uint)InstructionBytes, (uint)Horizon, (uint)ActionWidth, (uint)ReplanEvery,
            (uint)ObservationBytes, (uint)StateOffset, (uint)InstructionOffset, (uint)ActionsBytes, RecordHead,
        ];
        for (int i = 0; i < head.Length; i++) BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4 * i), head[i]);
        BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(48), ControlHz);
        for (int i = 0; i < Cameras.Count; i++)
        {
            var entry = bytes.AsSpan(WelcomeHead + i * CameraEntry, CameraEntry);
            BinaryPrimitives.WriteInt32LittleEndian(entry, Cameras[i].Height);
            BinaryPrimitives.WriteInt32LittleEndian(entry[4..], Cameras[i].Width);
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], Cameras[i].Offset);
            BinaryPrimitives.WriteInt32LittleEndian(entry[12..], Cameras[i].Bytes);
            Encoding.UTF8.GetBytes(Cameras[i].Name, entry[16..]);
        }

        contract.CopyTo(bytes.AsSpan(WelcomeHead + Cameras.Count * CameraEntry));
        return bytes;
    }

    /// <summary>Reads a welcome's payload.</summary>
    /// <exception cref="InvalidDataException">It contradicts itself.</exception>
    public static PipeLayout FromWelcome(ReadOnlySpan<byte> welcome, out uint ringBytes, out string contract)
    {
        if (welcome.Length < WelcomeHead) throw new InvalidDataException($"the welcome has {welcome.Length} bytes, expected at least {WelcomeHead}.");
        ringBytes = BinaryPrimitives.ReadUInt32LittleEndian(welcome);
        int count = BinaryPrimitives.ReadInt32LittleEndian(welcome[4..]);
        if (count is < 0 or > MaxCameras || welcome.Length < WelcomeHead + count * CameraEntry)
            throw new InvalidDataException($"the welcome names {count} cameras, which it does not hold.");
        var cameras = new (string, int, int)[count];
        for (int i = 0; i < count; i++)
        {
            var entry = welcome.Slice(WelcomeHead + i * CameraEntry, CameraEntry);
            string name = Encoding.UTF8.GetString(entry[16..].TrimEnd((byte)0));
            cameras[i] = (name, Positive(entry, 0, 1 << 16), Positive(entry, 4, 1 << 16));
        }

        PipeLayout layout;
        try
        {
            layout = Create(
                cameras, Positive(welcome, 8, 1 << 20, 0), Positive(welcome, 12, 1 << 24, 0), Positive(welcome, 16, 1 << 16), Positive(welcome, 20, 1 << 14),
                Positive(welcome, 24, 1 << 16), BinaryPrimitives.ReadDoubleLittleEndian(welcome[48..]));
        }
        catch (ArgumentException error)
        {
            throw new InvalidDataException($"the welcome makes no layout: {error.Message}", error);
        }

        // Layouts of version 1 follow from the numbers; a server that lays out otherwise speaks something else.
        contract = Encoding.UTF8.GetString(welcome[(WelcomeHead + count * CameraEntry)..]);
        if (!layout.ToWelcome(welcome[(WelcomeHead + count * CameraEntry)..], ringBytes).AsSpan().SequenceEqual(welcome))
            throw new InvalidDataException("the welcome's offsets are not those of version 1.");
        return layout;
    }

    private static int Positive(ReadOnlySpan<byte> bytes, int at, int most, int least = 1)
    {
        int value = BinaryPrimitives.ReadInt32LittleEndian(bytes[at..]);
        return value >= least && value <= most ? value : throw new InvalidDataException($"the welcome holds {value} at byte {at}; expected {least} to {most}.");
    }

    internal static long Align(long bytes) => (bytes + 63) & ~63L;
}
