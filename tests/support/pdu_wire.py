"""Messages cut into PDVs and PDUs anywhere, and a connection that tells what comes back; on top of support.wire."""

import socket
import ssl
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType

from support.wire import (
    ABORT,
    ASSOCIATE_AC,
    COMMAND,
    CT,
    LAST,
    P_DATA,
    RELEASE_RP,
    VERIFICATION,
    Proposal,
    associate_rq,
    c_store_rq,
    command_element,
    command_values,
    pdu,
    release_rq,
)

SR = "1.2.840.10008.5.1.4.1.1.88.34"
CONTEXTS = (CT, SR, VERIFICATION)
"""What :func:`connected` proposes: presentation contexts 1, 3 and 5."""


def pdv(context: int, control: int, fragment: bytes) -> bytes:
    return struct.pack(">IBB", len(fragment) + 2, context, control) + fragment


def p_data(*pdvs: bytes) -> bytes:
    """Return one P-DATA-TF PDU."""
    return pdu(P_DATA, b"".join(pdvs))


def cut(data: bytes, size: int) -> list[bytes]:
    """Return ``data`` in parts of ``size`` bytes; one that is empty if there are none."""
    return [data[at : at + size] for at in range(0, len(data), size)] or [b""]


def fragments(data: bytes, size: int, context: int = 1, control: int = 0) -> list[bytes]:
    """Return the PDVs of a command set (``control=COMMAND``) or a data set, cut into fragments of ``size``."""
    parts = cut(data, size)
    return [pdv(context, control | LAST * (n == len(parts)), part) for n, part in enumerate(parts, start=1)]


def store_command(instance: str, message_id: int = 7, sop_class: str = CT, context: int = 1) -> bytes:
    """Return the PDV of a C-STORE command."""
    return pdv(context, COMMAND | LAST, c_store_rq(instance, sop_class, message_id))


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
    body = command_element(0x0002, sop_class.encode()) + command_element(0x0100, struct.pack("<H", field))
    body += command_element(0x0110, struct.pack("<H", message_id))
    body += command_element(0x0800, struct.pack("<H", 0 if dataset else 0x0101))
    return command_element(0x0000, struct.pack("<I", len(body))) + body


def echo(message_id: int = 7, context: int = 5) -> bytes:
    """Return a C-ECHO request as one PDU."""
    return p_data(pdv(context, COMMAND | LAST, command_of(0x0030, message_id)))


def associate_request(*sop_classes: str, calling: str = "SCANNER") -> bytes:
    """Return an A-ASSOCIATE-RQ for one transfer syntax, Explicit VR Little Endian."""
    return associate_rq(*map(Proposal, sop_classes or CONTEXTS), calling=calling)


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

    def associate(self, *sop_classes: str, calling: str = "SCANNER") -> None:
        """Open an association; the test fails unless it is accepted."""
        self.send(associate_request(*sop_classes, calling=calling))
        kind, _ = self.read()
        assert kind == ASSOCIATE_AC, f"answered by a PDU of type {kind}"

    def answer(self, seconds: float = 10.0) -> Answer:
        """Return the next DIMSE response; the test fails when something else comes."""
        kind, body = self.read(seconds)
        assert kind == P_DATA, f"a PDU of type {kind} came instead of an answer"
        length, context, control = struct.unpack_from(">IBB", body)
        assert control == COMMAND | LAST, "a response comes in one fragment"
        assert length == len(body) - 4, "and alone in its PDU"
        values = command_values(body)
        field, message_id, status = (int.from_bytes(values[one], "little") for one in (0x0100, 0x0120, 0x0900))
        return Answer(field, message_id, status, context)

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
            ending = {ABORT: "abort", RELEASE_RP: "release"}.get(kind, ending)

    def release(self) -> None:
        """End the association politely; the test fails unless it is answered."""
        self.send(release_rq())
        assert self.ending() == "release"

    def reset(self) -> None:
        """Close without waiting for anything: the receiver gets a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


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
    port: int, *sop_classes: str, tls: ssl.SSLContext | None = None, calling: str = "SCANNER"
) -> Iterator[Wire]:
    """Open an association; it is released with the block, unless the test has ended it."""
    with dial(port, tls) as wire:
        wire.associate(*sop_classes, calling=calling)
        yield wire
        with suppress(OSError):
            wire.socket.sendall(release_rq())
            wire.ending()


def pieces_of(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Return ``data`` cut at these places; some may be empty."""
    places = [0, *sorted(min(place, len(data)) for place in cuts), len(data)]
    return [data[begin:end] for begin, end in pairwise(places)]
