"""DICOM bytes and a blocking SCU on a plain socket, without the library: cheap, exact, and free to do wrong.

PS3.8 section 9.3 for PDUs, PS3.7 section 9.3 and annex E for commands.
"""

import os
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from pydicom.uid import ExplicitVRLittleEndian

CT = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"
ALLOWED, ATTACKER = "127.0.0.1", "127.0.0.2"
"""Where an honest sender comes from, and everybody else: both are this machine's loopback."""

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_OUR_IMPLEMENTATION = "2.25.94173508237649137650235687261982"
COMMAND, LAST = 0x01, 0x02


@dataclass(frozen=True, slots=True)
class Proposal:
    """A presentation context that is proposed."""

    abstract_syntax: str = CT
    transfer_syntaxes: tuple[str, ...] = (ExplicitVRLittleEndian,)


def pdu(kind: int, body: bytes, length: int | None = None) -> bytes:
    """Return a PDU; ``length`` is what its header says, if that is to be a lie."""
    return struct.pack(">BBI", kind, 0, len(body) if length is None else length) + body


def item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(body)) + body


def associate_rq(
    *proposals: Proposal, called: str = "HOUNSFIELD", calling: str = "SCANNER", max_pdu: int = 16384
) -> bytes:
    """Return an A-ASSOCIATE-RQ; the contexts get the ids 1, 3, 5, ... in order."""
    body = struct.pack(">HH", 1, 0) + called.encode().ljust(16) + calling.encode().ljust(16) + bytes(32)
    body += item(0x10, _APPLICATION_CONTEXT.encode())
    for number, proposal in enumerate(proposals or (Proposal(),)):
        syntaxes = b"".join(item(0x40, syntax.encode()) for syntax in proposal.transfer_syntaxes)
        context = bytes((2 * number + 1, 0, 0, 0)) + item(0x30, proposal.abstract_syntax.encode()) + syntaxes
        body += item(0x20, context)
    user = item(0x51, struct.pack(">I", max_pdu)) + item(0x52, _OUR_IMPLEMENTATION.encode())
    return pdu(ASSOCIATE_RQ, body + item(0x50, user))


def release_rq() -> bytes:
    return pdu(RELEASE_RQ, bytes(4))


def abort() -> bytes:
    return pdu(ABORT, bytes(4))


def p_data(context_id: int, control: int, payload: bytes) -> bytes:
    """Return a P-DATA-TF PDU with one fragment."""
    return pdu(P_DATA, struct.pack(">IBB", len(payload) + 2, context_id, control) + payload)


def command_element(element: int, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HHI", 0, element, len(value)) + value


def c_store_rq(instance: str | None, sop_class: str | None = CT, message_id: int = 1) -> bytes:
    """Return the command set of a C-STORE-RQ; None leaves a UID out, which the standard forbids."""
    body = b"" if sop_class is None else command_element(0x0002, sop_class.encode("latin-1"))
    body += command_element(0x0100, struct.pack("<H", 1)) + command_element(0x0110, struct.pack("<H", message_id))
    body += command_element(0x0700, struct.pack("<H", 0)) + command_element(0x0800, struct.pack("<H", 0))
    body += b"" if instance is None else command_element(0x1000, instance.encode("latin-1"))
    return command_element(0x0000, struct.pack("<I", len(body))) + body


def store_pdus(
    data: bytes,
    instance: str | None,
    *,
    context_id: int = 1,
    sop_class: str | None = CT,
    message_id: int = 1,
    fragment: int = 65536,
) -> list[bytes]:
    """Return the P-DATA-TF PDUs of a C-STORE: its command set in the first, then the data set."""
    pdus = [p_data(context_id, COMMAND | LAST, c_store_rq(instance, sop_class, message_id))]
    parts = [data[at : at + fragment] for at in range(0, len(data), fragment)] or [b""]
    last = len(parts) - 1
    return pdus + [p_data(context_id, LAST if i == last else 0, part) for i, part in enumerate(parts)]


def release_rp() -> bytes:
    return pdu(RELEASE_RP, bytes(4))


def command_values(body: bytes) -> dict[int, bytes]:
    """Return the values of the command set in a P-DATA-TF PDU that holds a whole one, by element number."""
    values = {}
    at = 6
    while at + 8 <= len(body):
        _, element, length = struct.unpack_from("<HHI", body, at)
        values[element] = body[at + 8 : at + 8 + length]
        at += 8 + length
    return values


def status_of(body: bytes) -> int:
    """Return the status in a P-DATA-TF PDU that holds a whole response (0000,0900)."""
    return int.from_bytes(command_values(body)[0x0900], "little")


class Closed(Exception):
    """The peer has closed or reset the connection, aborted or rejected the association."""


@dataclass(slots=True)
class Connection:
    """A connection as an SCU has it. Every wait ends after ``seconds`` (TimeoutError)."""

    socket: socket.socket

    @classmethod
    def open(
        cls, port: int, source: str = ATTACKER, *, seconds: float = 10.0, tls: ssl.SSLContext | None = None
    ) -> Self:
        plain = socket.create_connection(("127.0.0.1", port), timeout=seconds, source_address=(source, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(plain if tls is None else tls.wrap_socket(plain))

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Close with a TCP reset, as a crashed peer does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed from error

    def receive(self) -> tuple[int, bytes]:
        """Return type and body of the next PDU."""
        kind, _, length = struct.unpack(">BBI", self._exactly(6))
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                part = self.socket.recv(count - len(data))
            except (ConnectionError, ssl.SSLError) as error:
                raise Closed from error
            if not part:
                raise Closed
            data += part
        return bytes(data)

    def associate(self, request: bytes | None = None) -> dict[int, int]:
        """Ask for an association; return the result of each presentation context (0 is acceptance)."""
        self.send(associate_rq() if request is None else request)
        kind, body = self.receive()
        if kind != ASSOCIATE_AC:
            raise Closed(f"the answer was PDU type {kind}")
        return _results(body)

    def store(self, data: bytes, instance: str, **how: str | int) -> int:
        """Send a C-STORE; return the status."""
        self.send(b"".join(store_pdus(data, instance, **how)))  # type: ignore[arg-type]
        return self.status()

    def status(self) -> int:
        """Wait for a response; return its status."""
        kind, body = self.receive()
        if kind != P_DATA:
            raise Closed(f"the answer was PDU type {kind}")
        return status_of(body)

    def release(self) -> None:
        self.send(release_rq())
        kind, _ = self.receive()
        if kind != RELEASE_RP:
            raise Closed(f"the answer was PDU type {kind}")
        self.close()

    def is_ended_within(self, seconds: float) -> bool:
        """Whether the peer ends it: by A-ABORT, close or reset. What else it says is read over."""
        self.socket.settimeout(seconds)
        try:
            while self.receive()[0] != ABORT:
                continue
        except Closed:
            return True
        except TimeoutError:
            return False
        return True


def _results(body: bytes) -> dict[int, int]:
    results: dict[int, int] = {}
    at = 68
    while at + 4 <= len(body):
        kind, _, length = struct.unpack_from(">BBH", body, at)
        if kind == 0x21:
            results[body[at + 4]] = body[at + 6]
        at += 4 + length
    return results


@contextmanager
def connected(port: int, source: str = ATTACKER, *, seconds: float = 10.0) -> Iterator[Connection]:
    """Give a connection that is closed with the block."""
    connection = Connection.open(port, source, seconds=seconds)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def associated(
    port: int, source: str = ATTACKER, *, request: bytes | None = None, seconds: float = 10.0
) -> Iterator[Connection]:
    """Give an association that is released with the block, unless it has ended."""
    with connected(port, source, seconds=seconds) as connection:
        connection.associate(request)
        yield connection
        if connection.socket.fileno() >= 0:
            connection.release()


def new_uid() -> str:
    """Return a UID nobody has used."""
    return f"2.25.{int.from_bytes(os.urandom(15), 'big')}"
