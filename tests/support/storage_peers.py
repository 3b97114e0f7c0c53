"""Storage SCPs on a plain socket, which may answer whatever they are told to."""

import socket
import struct
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field

from support.scripted import associate_ac, read_pdu
from support.wire import LAST, P_DATA, RELEASE_RQ, command_element, command_values, p_data, release_rp

EXPLICIT = "1.2.840.10008.1.2.1"
_C_STORE_RSP = 0x8001


@dataclass(frozen=True, slots=True)
class Request:
    """A C-STORE-RQ as it came."""

    context_id: int
    message_id: int
    instance: str
    data: bytes


Answer = Callable[[Request], bytes]


def stored(request: Request, status: int = 0, *, message_id: int | None = None, instance: str | None = None) -> bytes:
    """Return a C-STORE-RSP."""
    about = request.instance if instance is None else instance
    answered = request.message_id if message_id is None else message_id
    body = command_element(0x0100, struct.pack("<H", _C_STORE_RSP)) + command_element(
        0x0120, struct.pack("<H", answered)
    )
    body += command_element(0x0800, struct.pack("<H", 0x0101)) + command_element(0x0900, struct.pack("<H", status))
    body += command_element(0x1000, about.encode())
    return p_data(request.context_id, 3, command_element(0x0000, struct.pack("<I", len(body))) + body)


@dataclass
class StorageScript:
    """Accepts associations and gives each C-STORE-RQ the answer of ``answer``; notes what it got."""

    answer: Answer = stored
    takes: Collection[str] | None = None
    """Abstract syntaxes; None: all."""
    max_pdu: int = 16384
    syntax: str = EXPLICIT
    proposed: list[list[str]] = field(default_factory=list)
    data: dict[str, bytes] = field(default_factory=dict)
    longest: int = 0
    """PDU that came, in bytes after its header."""

    def __call__(self, connection: socket.socket) -> None:
        self.accept(connection)
        with suppress(ConnectionError, TimeoutError):
            while request := self._next(connection):
                connection.sendall(self.answer(request))

    def accept(self, connection: socket.socket) -> None:
        """Take the association request and answer it."""
        contexts = _contexts(read_pdu(connection)[6:])
        self.proposed.append(list(contexts.values()))
        results = {one: 0 if self.takes is None or name in self.takes else 3 for one, name in contexts.items()}
        connection.sendall(associate_ac(results, syntax=self.syntax, longest_pdu=self.max_pdu))

    def _next(self, connection: socket.socket) -> Request | None:
        """Return the next request; None when the association was released or aborted."""
        command, data = b"", b""
        context_id = 0
        while True:
            raw = read_pdu(connection)
            if raw[0] == RELEASE_RQ:
                connection.sendall(release_rp())
            if raw[0] != P_DATA:
                return None
            self.longest = max(self.longest, len(raw) - 6)
            for context_id, control, fragment in _values(raw[6:]):
                if control & 1:
                    command += fragment
                    continue
                data += fragment
                if control & LAST:
                    return self._noted(context_id, command, data)

    def _noted(self, context_id: int, command: bytes, data: bytes) -> Request:
        values = command_values(bytes(6) + command)
        instance = values[0x1000].decode().rstrip("\0")
        self.data[instance] = data
        return Request(context_id, int.from_bytes(values[0x0110], "little"), instance, data)


def _values(body: bytes) -> list[tuple[int, int, bytes]]:
    found, at = [], 0
    while at < len(body):
        length, context_id, control = struct.unpack_from(">IBB", body, at)
        found.append((context_id, control, body[at + 6 : at + 4 + length]))
        at += 4 + length
    return found


def _contexts(body: bytes) -> dict[int, str]:
    """Return the abstract syntaxes of an A-ASSOCIATE-RQ by context id."""
    found, at = {}, 68
    while at < len(body):
        kind, _, length = struct.unpack_from(">BBH", body, at)
        if kind == 0x20:
            name = struct.unpack_from(">H", body, at + 10)[0]
            found[body[at + 4]] = body[at + 12 : at + 12 + name].decode()
        at += 4 + length
    return found
