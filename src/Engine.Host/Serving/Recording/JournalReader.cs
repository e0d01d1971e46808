using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Engine.Client;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving.Recording;

/// <summary>Reads a journal as far as it is whole: what a dying server had half written is left out.</summary>
internal static class JournalReader
{
    private const int MaxInstructionBytes = 1 << 20;

    /// <summary>The episode; null for a journal of fewer than two steps, or of another layout.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    internal static RecordedEpisode? Read(string path, PolicyContract contract)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        return Read(file, contract);
    }

    internal static RecordedEpisode? Read(Stream file, PolicyContract contract)
    {
        var layout = new JournalLayout(contract);
        byte[] record = new byte[JournalLayout.RecordHead + Math.Max(layout.StepBytes, MaxInstructionBytes)];
        if (file.ReadAtLeast(record.AsSpan(0, JournalLayout.HeaderBytes), JournalLayout.HeaderBytes, throwOnEndOfStream: false) < JournalLayout.HeaderBytes
            || !layout.IsHeader(record.AsSpan(0, JournalLayout.HeaderBytes)))
        {
            return null;
        }

        string? instruction = null;
        bool? success = null;
        int most = (int)Math.Min(file.Length / layout.StepBytes, int.MaxValue / Math.Max(1, contract.Cameras.Select(c => c.Bytes).DefaultIfEmpty().Max()));
        var images = Array.ConvertAll(contract.Cameras, camera => new byte[most * camera.Bytes]);
        var (states, chunks) = (new List<float[]>(), new List<float[]>());
        var (received, policy) = (new List<long>(), new List<long>());
        while (states.Count < most && Next(file, record, out uint kind, out var payload))
        {
            if (instruction is null)
            {
                if (kind != JournalLayout.Instruction) break;
                instruction = Encoding.UTF8.GetString(payload);
                continue;
            }

            if (kind == JournalLayout.End && payload.Length == 1 && payload[0] <= 2)
            {
                success = payload[0] == 0 ? null : payload[0] == 2;
                break;
            }

            if (kind != JournalLayout.Step || payload.Length != layout.StepBytes) break;
            received.Add(BinaryPrimitives.ReadInt64LittleEndian(payload));
            policy.Add(BinaryPrimitives.ReadInt64LittleEndian(payload[8..]));
            var numbers = MemoryMarshal.Cast<byte, float>(payload.Slice(16, 4 * (layout.State + layout.Chunk)));
            states.Add(numbers[..layout.State].ToArray());
            chunks.Add(numbers[layout.State..].ToArray());
            int at = layout.StepBytes - layout.Images;
            for (int c = 0; c < images.Length; c++)
            {
                int bytes = contract.Cameras[c].Bytes;
                payload.Slice(at, bytes).CopyTo(images[c].AsSpan((states.Count - 1) * bytes));
                at += bytes;
            }
        }

        // The end stands behind the last step that there is room for.
        if (states.Count == most && success is null && Next(file, record, out uint last, out var said) && last == JournalLayout.End && said is [1 or 2])
            success = said[0] == 2;
        if (instruction is null || states.Count < 2) return null;
        for (int c = 0; c < images.Length; c++) Array.Resize(ref images[c], states.Count * contract.Cameras[c].Bytes);
        return new RecordedEpisode(contract, instruction, success, images, [.. states], [.. chunks.SelectMany(chunk => chunk)], [.. received], [.. policy]);
    }

    /// <summary>The next record; false at the end, or where it is not whole.</summary>
    private static bool Next(Stream file, byte[] buffer, out uint kind, out ReadOnlySpan<byte> payload)
    {
        kind = 0;
        payload = default;
        if (file.ReadAtLeast(buffer.AsSpan(0, JournalLayout.RecordHead), JournalLayout.RecordHead, throwOnEndOfStream: false) < JournalLayout.RecordHead) return false;
        kind = BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(8));
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(12));
        if (length > buffer.Length - JournalLayout.RecordHead) return false;
        var record = buffer.AsSpan(0, JournalLayout.RecordHead + (int)length);
        payload = record[JournalLayout.RecordHead..];
        return file.ReadAtLeast(record[JournalLayout.RecordHead..], (int)length, throwOnEndOfStream: false) == length
            && BinaryPrimitives.ReadUInt32LittleEndian(record) == Crc32C.Compute(record[4..]);
    }
}
