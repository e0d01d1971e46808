using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Engine.Client.Interop;

/// <summary>Sends a file descriptor over a Unix-domain socket with some bytes, and receives one (SCM_RIGHTS; structures of 64-bit Linux).</summary>
internal static unsafe partial class DescriptorPassing
{
    private const int SolSocket = 1, ScmRights = 1, NoSignal = 0x4000, CloseOnExec = 0x40000000;

    /// <summary>Sends bytes, with the descriptor on the first of them; gives how many were sent.</summary>
    /// <exception cref="IOException">Nothing could be sent.</exception>
    internal static int Send(Socket socket, ReadOnlySpan<byte> bytes, int descriptor)
    {
        fixed (byte* first = bytes)
        {
            Control control = new() { Length = 20, Level = SolSocket, Type = ScmRights, Descriptor = descriptor };
            Piece piece = new() { Address = first, Length = (nuint)bytes.Length };
            Message message = new() { Pieces = &piece, PieceCount = 1, Control = &control, ControlLength = (nuint)sizeof(Control) };
            nint sent = sendmsg(socket.SafeHandle, &message, NoSignal);
            return sent > 0 ? (int)sent : throw new IOException($"sendmsg failed: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>Receives bytes from a socket in blocking mode, and the descriptor that came with them, −1 where none did.</summary>
    /// <exception cref="IOException">Nothing came.</exception>
    internal static int Receive(Socket socket, Span<byte> bytes, out int descriptor)
    {
        fixed (byte* first = bytes)
        {
            Control control = default;
            Piece piece = new() { Address = first, Length = (nuint)bytes.Length };
            Message message = new() { Pieces = &piece, PieceCount = 1, Control = &control, ControlLength = (nuint)sizeof(Control) };
            nint received = recvmsg(socket.SafeHandle, &message, CloseOnExec);
            if (received < 0) throw new IOException($"recvmsg failed: {Marshal.GetLastPInvokeErrorMessage()}");
            descriptor = message.ControlLength >= 20 && control is { Length: 20, Level: SolSocket, Type: ScmRights } ? control.Descriptor : -1;
            return (int)received;
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(SafeHandle socket, Message* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(SafeHandle socket, Message* message, int flags);

    private struct Piece
    {
        public byte* Address;
        public nuint Length;
    }

    private struct Message
    {
        public void* Name;
        public uint NameLength;
        public Piece* Pieces;
        public nuint PieceCount;
        public Control* Control;
        public nuint ControlLength;
        public int Flags;
    }

    private struct Control
    {
        public nuint Length;
        public int Level;
        public int Type;
        public int Descriptor;
        public int Padding;
    }
}
