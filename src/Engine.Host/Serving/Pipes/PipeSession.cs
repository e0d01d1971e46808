using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Engine.Client;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving.Pipes;

/// <summary>
/// What the records of one client go through, whether they came over a socket or a ring: sequence, deadline, contract, inference, reply.
/// One request at a time. Nothing is allocated for a request that finds the policy idle and repeats the instruction of the one before.
/// </summary>
internal sealed class PipeSession
{
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly PolicySession _session;
    private readonly PipeLayout _layout;
    private readonly ServeOptions _options;
    private readonly ServingMetrics _metrics;
    private readonly byte[] _instruction;
    private int _instructionLength;
    private ulong _sequence;

    internal PipeSession(PolicyContract contract, PipeLayout layout, ServeOptions options, InferenceQueue queue, ServingMetrics metrics, long number)
    {
        _session = new PolicySession(contract, options, queue, number);
        _layout = layout;
        _options = options;
        _metrics = metrics;
        _instruction = new byte[layout.InstructionBytes];
        Number = (ulong)number;
    }

    /// <summary>The session's number.</summary>
    internal ulong Number { get; }

    /// <summary>The layout of a contract, with instructions as long as the options allow.</summary>
    /// <exception cref="ArgumentException">The contract's observation exceeds the largest message, or a name is too long.</exception>
    internal static PipeLayout LayoutOf(PolicyContract contract, ServeOptions options)
    {
        var layout = PipeLayout.Create(
            Array.ConvertAll(contract.Cameras, c => (c.Name, c.Height, c.Width)), contract.StateNames.Length, options.MaxPromptCharacters,
            contract.ActionHorizon, contract.ActionNames.Length, contract.ReplanEvery, contract.Embodiment.ControlHz);
        return layout.ObservationBytes <= options.MaxMessageBytes
            ? layout
            : throw new ArgumentException($"an observation of '{contract.Name}' has {layout.ObservationBytes} bytes; max_message_mib allows {options.MaxMessageBytes}.", nameof(contract));
    }

    /// <summary>Takes a request's number, unless it is another session's, replayed or stale.</summary>
    internal void Admit(in PipeHeader header)
    {
        if (header.Session != Number)
            throw new PipeFaultException(PipeErrorCode.Session, $"this is session {Number}, the frame carries the number of session {header.Session}");
        if (header.Sequence <= _sequence)
            throw new PipeFaultException(PipeErrorCode.Sequence, $"sequence {header.Sequence} was used already or is stale; the last was {_sequence}");
        _sequence = header.Sequence;
    }

    /// <summary>Whether a header is that of an observation that may take the place of an earlier one: of this session, later in sequence, and in time.</summary>
    internal bool IsNewer(in PipeHeader header, in PipeHeader earlier) =>
        header.Kind == PipeKind.Observe && header.Session == Number && header.Sequence > earlier.Sequence
        && (header.Deadline == 0 || header.Deadline > MonotonicClock.Nanoseconds);

    /// <summary>Called on another thread when a request that had to wait has ended.</summary>
    internal Action? Ended
    {
        set => _session.Request.Ended = value;
    }

    internal void Reset() => _session.Reset();

    internal void Close() => _session.Close();

    /// <summary>
    /// Copies state and instruction out of the client's reach and checks the record's form; gives the temperature. Images, of which every byte is sound, stay
    /// where they are until the answer is there.
    /// </summary>
    internal float? Read(in PipeHeader header, ReadOnlyMemory<byte> record)
    {
        if (header.Deadline != 0 && header.Deadline <= MonotonicClock.Nanoseconds)
            throw new DeadlineException();
        if (record.Length < _layout.InstructionOffset || record.Length > _layout.ObservationBytes)
        {
            throw new PipeFaultException(
                PipeErrorCode.Observation, $"an observation has {_layout.InstructionOffset} to {_layout.ObservationBytes} bytes here; this one has {record.Length}");
        }

        var bytes = record.Span;
        uint instruction = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        float temperature = BinaryPrimitives.ReadSingleLittleEndian(bytes[4..]);
        if (instruction > record.Length - _layout.InstructionOffset)
            throw new PipeFaultException(PipeErrorCode.Observation, $"the instruction's length is {instruction}, more than the record holds");
        var observation = _session.Request.Observation;
        bytes.Slice(_layout.StateOffset, 4 * _layout.StateWidth).CopyTo(MemoryMarshal.AsBytes(observation.States.AsSpan()));
        for (int i = 0; i < _layout.Cameras.Count; i++) observation.Images[_layout.Cameras[i].Name] = record.Slice(_layout.Cameras[i].Offset, _layout.Cameras[i].Bytes);
        Instruction(observation, bytes.Slice(_layout.InstructionOffset, (int)instruction));
        return float.IsNaN(temperature) ? null : temperature;
    }

    /// <summary>Asks the policy. The task ends when it has answered; then follows <see cref="End"/>.</summary>
    internal Task Begin(float? temperature, ulong deadline) => _session.BeginFilled(temperature, deadline);

    /// <summary>Takes back an observation that still waits for the policy, for a newer one; <see cref="End"/> says so then.</summary>
    internal bool TryWithdraw() => _session.TryWithdraw();

    /// <summary>Waits for the policy's answer, on the session's own thread.</summary>
    internal void End(Task inference)
    {
        if (!inference.IsCompletedSuccessfully) inference.GetAwaiter().GetResult();
        _session.End();
    }

    /// <summary>Writes the actions record; gives the flags that go with it.</summary>
    internal PipeFlags Write(in PipeHeader request, Span<byte> record, long received)
    {
        BinaryPrimitives.WriteInt32LittleEndian(record, _layout.Horizon);
        BinaryPrimitives.WriteInt32LittleEndian(record[4..], _layout.ActionWidth);
        record[8..PipeLayout.RecordHead].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(record[16..], (ulong)_session.Request.PolicyTime.Ticks * 100);
        MemoryMarshal.AsBytes(_session.Actions.AsSpan()).CopyTo(record[PipeLayout.RecordHead..]);
        var elapsed = Stopwatch.GetElapsedTime(received);
        BinaryPrimitives.WriteUInt64LittleEndian(record[24..], (ulong)elapsed.Ticks * 100);
        _metrics.Request(elapsed);
        if (request.Deadline == 0 || request.Deadline > MonotonicClock.Nanoseconds) return PipeFlags.None;
        _metrics.DeadlineMissed();
        return PipeFlags.Late;
    }

    /// <summary>Counts an observation that a newer one has overtaken before the policy was asked for it.</summary>
    internal ReplacedException Overtaken()
    {
        _metrics.ReplacedByNewer();
        return new ReplacedException();
    }

    /// <summary>What to tell the client about a failure.</summary>
    internal PipeFaultException Explain(Exception error)
    {
        _metrics.Error();
        switch (error)
        {
            case PipeFaultException fault:
                return fault;
            case DeadlineException:
                _metrics.DeadlineMissed();
                return new PipeFaultException(PipeErrorCode.Deadline, error.Message);
            case ReplacedException:
                return new PipeFaultException(PipeErrorCode.Replaced, error.Message);
            case ObservationException:
                return new PipeFaultException(PipeErrorCode.Observation, error.Message);
            default:
                _options.Log?.Invoke($"the policy failed: {error}");
                return new PipeFaultException(PipeErrorCode.Policy, $"the policy failed: {error.Message}");
        }
    }

    private void Instruction(ObservationBatch observation, ReadOnlySpan<byte> text)
    {
        int length = text.Length;
        if (length == _instructionLength && text.SequenceEqual(_instruction.AsSpan(0, length))) return;
        text.CopyTo(_instruction);
        _instructionLength = -1;
        try
        {
            observation.Instructions[0] = s_utf8.GetString(_instruction, 0, length);
            _instructionLength = length;
        }
        catch (DecoderFallbackException)
        {
            throw new PipeFaultException(PipeErrorCode.Observation, "the instruction is no valid UTF-8");
        }
    }
}
