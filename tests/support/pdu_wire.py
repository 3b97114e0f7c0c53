"""A Storage SCU without any library: what goes over the wire is exactly what a test says, byte by byte."""

import socket
import ssl
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType

from support.raw_scu import CT, command_set

EXPLICIT = "1.2.840.10008.1.2.1"
VERIFICATION = "1.2.840.10008.1.1"
CONTEXTS = {1: CT, 3: "1.2.840.10008.5.1.4.1.1.88.34", 5: VERIFICATION}
"""What :func:`connected` proposes, by presentation context id; CT, SR and Verification."""

RELEASE_RQ, ABORT = b"\5\0\0\0\0\4\0\0\0\0", b"\7\0\0\0\0\4\0\0\0\0"
COMMAND, LAST = 0x01, 0x02
_AC, _RJ, _P_DATA, _RELEASE_RP, _ABORT = 0x02, 0x03, 0x04, 0x06, 0x07


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body


def pdv(context: int, control: int, fragment: bytes) -> bytes:
    return struct.pack(">IBB", len(fragment) + 2, context, control) + fragment


def p_data(*pdvs: bytes) -> bytes:
    """Return one P-DATA-TF PDU."""
    return pdu(_P_DATA, b"".join(pdvs))


def cut(data: bytes, size: int) -> list[bytes]:
    """Return ``data`` in parts of ``size`` bytes; one that is empty if there are none."""
    return [data[at : at + size] for at in range(0, len(data), size)] or [b""]


def fragments(data: bytes, size: int, context: int = 1, control: int = 0) -> list[bytes]:
    """Return the PDVs of a command set (``control=COMMAND``) or a data set, cut into fragments of ``size``."""
    parts = cut(data, size)
    return [pdv(context, control | LAST * (n == len(parts)), part) for n, part in enumerate(parts, start=1)]


def store_command(instance: str | None, message_id: int = 7, sop_class: str | None = CT, context: int = 1) -> bytes:
    """Return the PDV of a C-STORE command."""
    return pdv(context, COMMAND | LAST, command_set(instance, sop_class, message_id))


def store_pdus(
    data: bytes, instance: str = "1.2.3.4", message_id: int = 7, *, longest_pdu: int = 16384, context: int = 1
) -> list[bytes]:
    """Return the PDUs of a C-STORE as most senders make them: one of the command, then one for each fragment."""
    parts = fragments(data, longest_pdu - 6, context)
    return [p_data(store_command(instance, message_id, context=context)), *(p_data(part) for part in parts)]


def store_message(data: bytes, instance: str = "1.2.3.4", message_id: int = 7, *, longest_pdu: int = 16384) -> bytes:
    return b"".join(store_pdus(data, instance, message_id, longest_pdu=longest_pdu))


def command_of(field: int, message_id: int = 7, *, sop_class: str = VERIFICATION, dataset: bool = False) -> bytes:
    """Return a command set of any kind without a SOP instance."""
    elements = [
        (0x0002, sop_class.encode() + b"\0" * (len(sop_class) % 2)),
        (0x0100, struct.pack("<H", field)),
        (0x0110, struct.pack("<H", message_id)),
        (0x0800, struct.pack("<H", 0 if dataset else 0x0101)),
    ]
    body = b"".join(struct.pack("<HHI", 0, element, len(value)) + value for element, value in elements)
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def echo(message_id: int = 7, context: int = 5) -> bytes:
    """Return a C-ECHO request as one PDU."""
    return p_data(pdv(context, COMMAND | LAST, command_of(0x0030, message_id)))


def associate_request(
    contexts: dict[int, str] | None = None, *, called: str = "HOUNSFIELD", calling: str = "SCANNER"
) -> bytes:
    """Return an A-ASSOCIATE-RQ (PS3.8 9.3.2) for one transfer syntax, Explicit VR Little Endian."""

    def item(kind: int, body: bytes) -> bytes:
        return struct.pack(">BxH", kind, len(body)) + body

    proposed = b"".join(
        item(0x20, bytes((identifier, 0, 0, 0)) + item(0x30, uid.encode()) + item(0x40, EXPLICIT.encode()))
        for identifier, uid in (contexts or CONTEXTS).items()
    )
    user = item(0x50, item(0x51, struct.pack(">I", 65536)) + item(0x52, b"1.2.3") + item(0x55, b"TEST"))
    titles = f"{called:16}{calling:16}".encode() + bytes(32)
    return pdu(0x01, b"\0\1\0\0" + titles + item(0x10, b"1.2.840.10008.3.1.1.1") + proposed + user)


@dataclass(frozen=True)
class Answer:
    """A DIMSE response."""

    field: int
    message_id: int
    """Of the request."""
    status: int
    context: int


class Wire:
    """A connection to a receiver. Everything that reads waits for ``seconds`` at most, and fails then."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.longest_pdu = 0
        """Of what the receiver takes, once the association is accepted."""
        self._received = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> None:
        """Write each part on its own."""
        for part in parts:
            self.socket.sendall(part)

    def read(self, seconds: float = 10.0) -> tuple[int, bytes]:
        """Return the next PDU: its type and what follows the header. Type 0 when the connection has ended."""
        self.socket.settimeout(seconds)
        try:
            while (whole := self._whole()) is None:
                data = self.socket.recv(65536)
                if not data:
                    return 0, b""
                self._received += data
        except (ConnectionError, ssl.SSLEOFError):
            return 0, b""
        found, self._received = self._received[:whole], self._received[whole:]
        return found[0], found[6:]

    def _whole(self) -> int | None:
        if len(self._received) < 6:
            return None
        length = 6 + int(struct.unpack_from(">I", self._received, 2)[0])
        return length if length <= len(self._received) else None

    def associate(self, contexts: dict[int, str] | None = None, **titles: str) -> None:
        """Open an association; the test fails unless it is accepted."""
        self.send(associate_request(contexts, **titles))
        kind, body = self.read()
        assert kind == _AC, f"answered by a PDU of type {kind}"
        at = body.index(b"\x51\0\0\4")
        self.longest_pdu = int(struct.unpack_from(">I", body, at + 4)[0])

    def answer(self, seconds: float = 10.0) -> Answer:
        """Return the next DIMSE response; the test fails when something else comes."""
        kind, body = self.read(seconds)
        assert kind == _P_DATA, f"a PDU of type {kind} came instead of an answer"
        length, context, control = struct.unpack_from(">IBB", body)
        assert control == COMMAND | LAST, "a response comes in one fragment"
        assert length == len(body) - 4, "and alone in its PDU"
        return _answer(body[6:], context)

    def statuses(self, count: int) -> list[tuple[int, int]]:
        """Return message id and status of so many responses."""
        return [(one.message_id, one.status) for one in (self.answer() for _ in range(count))]

    def ending(self, seconds: float = 10.0) -> str:
        """Return how the connection ends: ``"abort"``, ``"release"`` or ``"closed"``; answers before are skipped."""
        ending = "closed"
        while True:
            kind, _ = self.read(seconds)
            if kind == 0:
                return ending
            ending = {_ABORT: "abort", _RELEASE_RP: "release"}.get(kind, ending)

    def release(self) -> None:
        """End the association politely; the test fails unless it is answered."""
        self.send(RELEASE_RQ)
        assert self.ending() == "release"

    def reset(self) -> None:
        """Close without waiting for anything: the receiver gets a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def _answer(command: bytes, context: int) -> Answer:
    values: dict[int, int] = {}
    at = 0
    while at < len(command):
        _, element, length = struct.unpack_from("<HHI", command, at)
        if length == 2:
            values[element] = int(struct.unpack_from("<H", command, at + 8)[0])
        at += 8 + length
    return Answer(values[0x0100], values[0x0120], values[0x0900], context)


def dial(port: int, tls: ssl.SSLContext | None = None, *, receive_buffer: int | None = None) -> Wire:
    """Connect; what is written goes out at once. Close it in the end."""
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Wire(connection if tls is None else tls.wrap_socket(connection, server_hostname="localhost"))


@contextmanager
def connected(
    port: int, contexts: dict[int, str] | None = None, tls: ssl.SSLContext | None = None, **titles: str
) -> Iterator[Wire]:
    """Open an association; it is released with the block, unless the test has ended it."""
    with dial(port, tls) as wire:
        wire.associate(contexts, **titles)
        yield wire
        with suppress(OSError):
            wire.socket.sendall(RELEASE_RQ)
            wire.ending()


def pieces_of(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Return ``data`` cut at these places; some may be empty."""
    places = [0, *sorted(min(place, len(data)) for place in cuts), len(data)]
    return [data[begin:end] for begin, end in pairwise(places)]
