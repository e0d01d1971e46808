"""Asks a policy that `engine serve` serves over its local pipes: a Unix-domain socket, shared memory, or TCP.

One file, nothing to install: Python 3.9 or later. Actions are numpy arrays where numpy is installed, lists of lists otherwise.

    from engine_client import EngineClient
    with EngineClient(unix="/tmp/engine.sock", shared_memory=True) as client:
        client.reset()
        actions = client.step({"front": image}, state, "reach the red cube", budget=0.05)    # [H, A], the contract's units

Images are uint8 RGB [height, width, 3] of exactly the contract's size (`client.cameras`), as numpy arrays or anything with a buffer.
`python3 engine_client.py --unix /tmp/engine.sock` sends black images and prints what comes back. The wire is described in docs/serving.md.
"""

import argparse
import array
import ctypes
import fcntl
import json
import mmap
import platform
import socket
import struct
import time

try:
    import numpy
except ImportError:
    numpy = None

_HEADER = struct.Struct("<4sHHIIQQQQIIII")
_RING = struct.Struct("<4s9I")
_HELLO, _WELCOME, _OBSERVE, _ACTIONS, _RESET, _ERROR, _PING, _PONG, _BYE = range(1, 10)
_CLOSING, _LATE = 2, 4
_SLOTS, _REQUEST_HEADERS, _REPLY_HEADERS, _ARENA = 8, 512, 1024, 4096
_REQUEST_HEAD, _SERVER_SLEEPS, _REPLY_HEAD, _CLIENT_SLEEPS = 64, 128, 192, 256
_GET_SEALS, _SEAL_SHRINK = 1034, 2
_FUTEX = {"x86_64": 202, "aarch64": 98}.get(platform.machine())


def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC_TABLE = _crc_table()


def crc32c(data):
    """CRC-32C (Castagnoli) of some bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


class EngineServerError(Exception):
    """The server refused; `code` is one of the codes in docs/serving.md, the text is the server's."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class EngineClient:
    """One session. Not thread-safe: one client a thread.

    cameras: {name: (height, width)}; state_width, horizon, action_width, replan_every, control_hz; contract: the policy's contract.json.
    After a step: policy_ns and server_ns (how long the policy and the server took), late (the actions came after the budget).
    """

    def __init__(self, unix=None, host="127.0.0.1", port=None, token="", shared_memory=False, spin_us=0, timeout=10.0):
        if (unix is None) == (port is None):
            raise ValueError("give either unix=path or port=number")
        if shared_memory and unix is None:
            raise ValueError("shared memory goes over the Unix-domain socket: give unix=path")
        self._ring = None
        self._sequence = 0
        self._session = 0
        self._clock = 0
        self._timeout = timeout
        self._spin_ns = spin_us * 1000
        self.policy_ns = self.server_ns = 0
        self.late = False
        if unix is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        else:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(unix if unix is not None else (host, port))
            self._greet(token.encode(), shared_memory, spin_us, same_clock=unix is not None)
        except BaseException:
            self._socket.close()
            raise

    def step(self, images, state, instruction="", temperature=None, budget=None):
        """Sends an observation and waits for its actions, float32 [H, A].

        images: {camera: uint8 [height, width, 3]}; state: S finite numbers; temperature: None leaves it to the server;
        budget: seconds for which an answer is of use, None for ever. Raises EngineServerError where the server refuses.
        """
        text = instruction.encode()
        if len(text) > self._instruction_bytes:
            raise ValueError(f"the instruction has {len(text)} bytes; the server takes at most {self._instruction_bytes}")
        if set(images) != set(self.cameras):
            raise ValueError(f"the policy takes images of {sorted(self.cameras)}; given are {sorted(images)}")
        if len(state) != self.state_width:
            raise ValueError(f"the policy takes {self.state_width} numbers of state; given are {len(state)}")
        record = self._record()
        struct.pack_into("<If", record, 0, len(text), float("nan") if temperature is None else temperature)
        struct.pack_into(f"<{self.state_width}f", record, self._state_offset, *state)
        for name, image in images.items():
            offset, size = self._places[name]
            view = memoryview(image)
            if view.format not in ("B", "b", "c") or view.nbytes != size or not view.c_contiguous:
                height, width = self.cameras[name]
                raise ValueError(f"'{name}' must be contiguous uint8 [{height}, {width}, 3]; it is {view.format} {view.shape}")
            record[offset:offset + size] = view.cast("B")
        record[self._instruction_offset:self._instruction_offset + len(text)] = text
        deadline = 0 if budget is None else time.monotonic_ns() + self._clock + int(budget * 1e9)
        header, reply = self._exchange(_OBSERVE, self._instruction_offset + len(text), deadline, _ACTIONS)
        self.policy_ns, self.server_ns = struct.unpack_from("<QQ", reply, 16)
        self.late = bool(header[3] & _LATE)
        if numpy is not None:
            flat = numpy.frombuffer(reply, "<f4", self.horizon * self.action_width, self._actions_offset)
            return flat.reshape(self.horizon, self.action_width).copy()
        row = struct.Struct(f"<{self.action_width}f")
        return [list(row.unpack_from(reply, self._actions_offset + i * row.size)) for i in range(self.horizon)]

    def reset(self):
        """Tells the server that a new episode begins."""
        self._exchange(_RESET, 0, 0, _RESET)

    def ping(self):
        """Asks whether the server is there."""
        self._exchange(_PING, 0, 0, _PONG)

    def close(self):
        """Says goodbye. May be called twice."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None
        if self._socket.fileno() >= 0:
            try:
                self._socket.sendall(self._header(_BYE, 0, 0, 0))
            except OSError:
                pass
            self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _greet(self, token, shared_memory, spin_us, same_clock):
        sent = time.monotonic_ns()
        payload = struct.pack("<IIII", int(shared_memory), spin_us, len(token), 0) + token
        self._socket.sendall(self._header(_HELLO, len(payload), 0, 0) + payload)
        descriptors = []
        if shared_memory:
            first, descriptors, _, _ = socket.recv_fds(self._socket, _HEADER.size, 1)
        else:
            first = b""
        try:
            header = self._parse(first + self._receive(_HEADER.size - len(first)))
            received = time.monotonic_ns()
            if header[4] > 4 << 20:
                raise ConnectionError(f"the server announces a welcome of {header[4]} bytes")
            welcome = self._receive(header[4])
            if header[2] == _ERROR:
                raise EngineServerError(header[10], welcome.decode())
            if header[2] != _WELCOME:
                raise ConnectionError(f"the server sent kind {header[2]} where a welcome was due")
            self._session = header[7]
            if not same_clock and not sent <= header[8] <= received:
                self._clock = header[8] - (sent + received) // 2
            self._layout(welcome)
            if shared_memory:
                if not descriptors:
                    raise ConnectionError("the server did not send the shared memory that it promised")
                self._ring = _Ring(descriptors[0], self._ring_bytes, self._socket, self._timeout, self._spin_ns)
            else:
                self._frame = bytearray(_HEADER.size + self._observation_bytes)
                # An observation that does not fit the socket is sent in parts, each of which waits for the server to read the one before.
                if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) < len(self._frame):
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(self._frame))
        finally:
            for descriptor in descriptors:
                socket.close(descriptor)

    def _layout(self, welcome):
        (self._ring_bytes, count, self.state_width, self._instruction_bytes, self.horizon, self.action_width, self.replan_every,
         self._observation_bytes, self._state_offset, self._instruction_offset, self._actions_bytes, self._actions_offset,
         self.control_hz) = struct.unpack_from("<12Id", welcome)
        self.cameras, self._places = {}, {}
        for i in range(count):
            height, width, offset, size, name = struct.unpack_from("<4I48s", welcome, 64 + 64 * i)
            name = name.rstrip(b"\0").decode()
            if size != height * width * 3 or offset + size > self._observation_bytes:
                raise ConnectionError("the server's welcome contradicts itself")
            self.cameras[name] = (height, width)
            self._places[name] = (offset, size)
        if (self._state_offset + 4 * self.state_width > self._observation_bytes
                or self._instruction_offset + self._instruction_bytes > self._observation_bytes
                or self._actions_offset + 4 * self.horizon * self.action_width > self._actions_bytes):
            raise ConnectionError("the server's welcome contradicts itself")
        self.contract = json.loads(welcome[64 + 64 * count:])

    def _record(self):
        if self._socket.fileno() < 0:
            raise ConnectionError("the client is closed")
        return self._ring.begin(self._observation_bytes) if self._ring else memoryview(self._frame)[_HEADER.size:]

    def _exchange(self, kind, length, deadline, expected):
        if self._socket.fileno() < 0:
            raise ConnectionError("the client is closed")
        self._sequence += 1
        try:
            header, reply = self._ask(kind, length, deadline)
        except (OSError, struct.error):
            self.close()
            raise
        if header[2] == expected:
            return header, reply
        if header[2] == _ERROR:
            if header[3] & _CLOSING:
                self.close()
            raise EngineServerError(header[10], bytes(reply).decode(errors="replace"))
        self.close()
        raise ConnectionError(f"the server sent kind {header[2]} where {expected} was due")

    def _ask(self, kind, length, deadline):
        if self._ring:
            self._ring.publish(self._header(kind, length, deadline, _ARENA if length else 0))
        else:
            self._frame_header(kind, length, deadline)
        while True:
            if self._ring:
                raw, reply = self._ring.receive()
                header = self._parse(raw)
                reply = reply(header[4], header[11])
            else:
                header = self._parse(self._receive(_HEADER.size))
                if header[4] > max(self._actions_bytes, 1024):
                    raise ConnectionError(f"the server announces {header[4]} bytes, more than the contract allows")
                reply = self._receive(header[4])
            if header[5] == self._sequence or (header[2] == _ERROR and header[5] == 0):
                return header, reply
            if header[2] == _BYE:
                raise ConnectionError("the server said goodbye")

    def _frame_header(self, kind, length, deadline):
        self._frame[:_HEADER.size] = self._header(kind, length, deadline, 0)
        self._socket.sendall(memoryview(self._frame)[:_HEADER.size + length])

    def _header(self, kind, length, deadline, offset):
        raw = _HEADER.pack(b"ENGP", 1, kind, 0, length, self._sequence, deadline, self._session, time.monotonic_ns(), 0, 0, offset, 0)
        return raw[:60] + struct.pack("<I", crc32c(raw[:60]))

    @staticmethod
    def _parse(raw):
        header = _HEADER.unpack(raw)
        if header[0] != b"ENGP" or header[1] != 1 or header[12] != crc32c(raw[:60]):
            raise ConnectionError("the server sent a damaged header")
        return header

    def _receive(self, length):
        data = bytearray(length)
        view = memoryview(data)
        while view:
            count = self._socket.recv_into(view)
            if count == 0:
                raise ConnectionError("the server closed the connection")
            view = view[count:]
        return bytes(data)


class _Ring:
    """The client's side of the shared memory."""

    class _Time(ctypes.Structure):
        _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]

    def __init__(self, descriptor, size, sock, timeout, spin_ns):
        if not fcntl.fcntl(descriptor, _GET_SEALS) & _SEAL_SHRINK:
            raise ConnectionError("the shared memory is not sealed against shrinking")
        self._map = mmap.mmap(descriptor, size)
        self._memory = memoryview(self._map)
        magic, version, total, slots, _, _, arena, _, self._reply_offset, self._reply_bytes = _RING.unpack_from(self._map)
        if magic != b"ENGR" or version != 1 or total != size or slots != _SLOTS or arena != _ARENA:
            raise ConnectionError("the server's ring is of another version")
        self._socket, self._timeout, self._spin_ns = sock, timeout, spin_ns
        self._published = ctypes.c_uint32.from_buffer(self._map, _REQUEST_HEAD)
        self._replied = ctypes.c_uint32.from_buffer(self._map, _REPLY_HEAD)
        self._sleeps = ctypes.c_uint32.from_buffer(self._map, _CLIENT_SLEEPS)
        self._guard = ctypes.c_uint64.from_buffer(self._map, _ARENA + 8)
        self._read = 0
        self._call = ctypes.CDLL(None, use_errno=True).syscall if _FUTEX else None

    def begin(self, size):
        """The observation to write, marked as unfinished until it is published."""
        if self._guard.value % 2 == 0:
            self._guard.value += 1
        return self._memory[_ARENA:_ARENA + size]

    def publish(self, header):
        if self._guard.value % 2:
            self._guard.value += 1
        offset = _REQUEST_HEADERS + self._published.value % _SLOTS * _HEADER.size
        self._memory[offset:offset + _HEADER.size] = header
        self._published.value += 1
        self._futex(self._published, 1, 0x7FFFFFFF, None)

    def receive(self):
        """The next reply's header, and a function that copies its payload out."""
        started = time.monotonic_ns()
        while self._replied.value == self._read:
            waited = time.monotonic_ns() - started
            if waited < self._spin_ns:
                continue
            self._sleeps.value = 1
            if self._replied.value == self._read:
                self._futex(self._replied, 0, self._read, self._Time(0, 100_000_000))
            self._sleeps.value = 0
            if self._replied.value != self._read:
                break
            self._look_at_socket()
            if waited > self._timeout * 1e9:
                raise TimeoutError(f"no answer within {self._timeout} s; connect again")
        slot = self._read % _SLOTS
        self._read = (self._read + 1) & 0xFFFFFFFF
        offset = _REPLY_HEADERS + slot * _HEADER.size

        def payload(length, at):
            if at != self._reply_offset + slot * self._reply_bytes or length > self._reply_bytes:
                raise ConnectionError("the server's reply lies outside the ring")
            return bytes(self._memory[at:at + length])

        return bytes(self._memory[offset:offset + _HEADER.size]), payload

    def close(self):
        # The map can be closed only when nothing points into it any more.
        self._published = self._replied = self._sleeps = self._guard = None
        self._memory.release()
        try:
            self._map.close()
        except BufferError:
            pass  # An observation of the caller's traceback still points into it: it goes with the last of them.

    def _look_at_socket(self):
        try:
            if self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) is not None:
                raise ConnectionError("the server ended the connection")
        except BlockingIOError:
            pass

    def _futex(self, number, operation, value, limit):
        if self._call is None:
            if operation == 0:
                time.sleep(0.0002)
            return
        self._call(ctypes.c_long(_FUTEX), ctypes.byref(number), ctypes.c_long(operation), ctypes.c_long(value),
                   ctypes.byref(limit) if limit is not None else None, None, ctypes.c_long(0))


def _main():
    parser = argparse.ArgumentParser(description="Sends black images to a served policy and prints its actions.")
    parser.add_argument("--unix", help="path of the server's socket")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="the server's pipe port")
    parser.add_argument("--token", default="")
    parser.add_argument("--shared-memory", action="store_true")
    parser.add_argument("--spin-us", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--instruction", default="reach the red cube")
    arguments = parser.parse_args()
    with EngineClient(arguments.unix, arguments.host, arguments.port, arguments.token, arguments.shared_memory, arguments.spin_us) as client:
        print(f"{client.contract['name']}: {client.horizon} actions of {client.action_width} at {client.control_hz} Hz")
        images = {name: bytes(3 * height * width) for name, (height, width) in client.cameras.items()}
        client.reset()
        for step in range(arguments.steps):
            state = array.array("f", [step] * client.state_width)
            started = time.monotonic_ns()
            actions = client.step(images, state, arguments.instruction)
            micros = (time.monotonic_ns() - started) / 1000
            print(f"step {step}: {[round(float(a), 4) for a in actions[0]]} in {micros:.0f} us (policy {client.policy_ns / 1000:.0f} us)")


if __name__ == "__main__":
    _main()
