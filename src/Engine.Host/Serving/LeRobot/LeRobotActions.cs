using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Engine.Host.Serving.LeRobot;

/// <summary>
/// The reply's pickle: a list of <c>TimedAction(timestamp, timestep, action)</c>, each action a float32 torch tensor [A] on the CPU. The
/// tensors are rows of one storage, which stands in the pickle as PyTorch itself writes it there.
/// </summary>
internal static class LeRobotActions
{
    private const byte Class = 0, Rebuild = 1, Storage = 2, Hooks = 3;

    /// <summary>Writes the first <paramref name="count"/> actions of a chunk.</summary>
    /// <param name="module">Module of the client's classes.</param>
    /// <param name="timestamp">Of the observation (s, Unix time).</param>
    /// <param name="timestep">Of the observation.</param>
    /// <param name="period">Between two actions (s).</param>
    /// <param name="chunk">Actions [H, A].</param>
    /// <param name="width">A.</param>
    /// <param name="count">1 … H.</param>
    internal static byte[] ToPickle(string module, double timestamp, long timestep, double period, ReadOnlySpan<float> chunk, int width, int count)
    {
        // What the actions share is made first, kept (BINPUT) and taken off the stack (POP).
        var pickle = new PickleWriter(4)
            .Global(module, "TimedAction").Keep(Class).Opcodes("0"u8)
            .Global("torch._utils", "_rebuild_tensor_v2").Keep(Rebuild).Opcodes("0"u8)
            .Global("torch.storage", "_load_from_bytes").Bytes(SavedStorage(chunk[..(count * width)])).Opcodes([0x85, (byte)'R']).Keep(Storage).Opcodes("0"u8)
            .Global("collections", "OrderedDict").Opcodes(")R"u8).Keep(Hooks).Opcodes("0]("u8);
        for (int i = 0; i < count; i++)
        {
            // TimedAction.__new__(), then its fields; the tensor is _rebuild_tensor_v2(storage, offset, (A,), (1,), False, OrderedDict()).
            pickle.Recall(Class).Opcodes([(byte)')', 0x81, (byte)'}', (byte)'('])
                .Text("timestamp").Float(timestamp + i * period)
                .Text("timestep").Integer(timestep + i)
                .Text("action").Recall(Rebuild).Opcodes("("u8).Recall(Storage).Integer((long)i * width)
                .Integer(width).Opcodes([0x85]).Integer(1).Opcodes([0x85, 0x89]).Recall(Hooks).Opcodes("tR"u8)
                .Opcodes("ub"u8);
        }

        return pickle.Opcodes("e."u8).Written.ToArray();
    }

    /// <summary>
    /// What <c>torch.save(storage, _use_new_zipfile_serialization=False)</c> writes: pickles of a magic number, a version, the machine's sizes, the
    /// storage's name and kind, and the list of names; then for each its number of elements (i64) and the elements.
    /// </summary>
    private static byte[] SavedStorage(ReadOnlySpan<float> numbers)
    {
        var magic = new PickleWriter(2).Opcodes([0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.']);
        var version = new PickleWriter(2).Integer(1001).Opcodes("."u8);
        var machine = new PickleWriter(2).Opcodes("}("u8)
            .Text("protocol_version").Integer(1001)
            .Text("little_endian").Opcodes([0x88])
            .Text("type_sizes").Opcodes("}("u8).Text("short").Integer(2).Text("int").Integer(4).Text("long").Integer(4).Opcodes("uu."u8);
        var storage = new PickleWriter(2).Opcodes("("u8).Text("storage").Global("torch", "FloatStorage").Text("0").Text("cpu").Integer(numbers.Length).Opcodes("NtQ."u8);
        var names = new PickleWriter(2).Opcodes("]"u8).Text("0").Opcodes("a."u8);
        byte[] count = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(count, numbers.Length);
        return [.. magic.Written, .. version.Written, .. machine.Written, .. storage.Written, .. names.Written, .. count, .. MemoryMarshal.AsBytes(numbers)];
    }
}
