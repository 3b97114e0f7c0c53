"""Archives that answer C-FIND: one that keeps to the standard, and one that sends whatever bytes it is told to."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, evt
from support.wire import LAST, P_DATA, RELEASE_RP, command_element, item, pdu

from hounsfield.daemon.query.archive import QueryPeer

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
IMPLICIT = "1.2.840.10008.1.2"
ASSOCIATE_AC, ASSOCIATE_RJ = 2, 3


def peer_at(port: int, ae_title: str = "ARCHIVE", seconds: float = 3.0) -> QueryPeer:
    return QueryPeer(host="127.0.0.1", port=port, ae_title=ae_title, calling_ae="HOUNSFIELD", timeout_seconds=seconds)


class Archive:
    """A Study Root FIND SCP of the network library; ``images`` may be changed at any time."""

    def __init__(self) -> None:
        self.images: dict[tuple[str, str], int] = {}
        self.asked: list[Dataset] = []
        self.ae = AE("ARCHIVE")
        self.ae.require_called_aet = True
        self.ae.add_supported_context("1.2.840.10008.1.1")
        self.ae.add_supported_context(STUDY_ROOT_FIND)
        handlers: list[Any] = [(evt.EVT_C_FIND, self._find)]
        self.server = self.ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = int(self.server.server_address[1])

    def _find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        keys = event.identifier
        self.asked.append(keys)
        images = self.images.get((str(keys.StudyInstanceUID), str(keys.SeriesInstanceUID)))
        if images is not None:
            match = Dataset()
            match.QueryRetrieveLevel = "SERIES"
            match.RetrieveAETitle = "ARCHIVE"
            match.StudyInstanceUID = keys.StudyInstanceUID
            match.SeriesInstanceUID = keys.SeriesInstanceUID
            match.NumberOfSeriesRelatedInstances = str(images)
            yield 0xFF00, match
        yield 0x0000, None


@contextmanager
def archive() -> Iterator[Archive]:
    running = Archive()
    try:
        yield running
    finally:
        running.server.shutdown()


Script = Callable[[socket.socket], None]


@contextmanager
def scripted(script: Script) -> Iterator[int]:
    """Listen and let ``script`` have every connection; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.settimeout(10)
                    script(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def read_pdu(connection: socket.socket) -> bytes:
    head = _exactly(connection, 6)
    return head + _exactly(connection, struct.unpack(">I", head[2:])[0])


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise ConnectionResetError
        data += piece
    return data


def associate_ac(result: int = 0, syntax: str = IMPLICIT) -> bytes:
    body = struct.pack(">HH", 1, 0) + bytes(64)
    body += item(0x10, b"1.2.840.10008.3.1.1.1")
    body += item(0x21, bytes((1, 0, result, 0)) + item(0x40, syntax.encode()))
    return pdu(ASSOCIATE_AC, body + item(0x50, item(0x51, struct.pack(">I", 16384))))


def response(status: int, *, has_dataset: bool, field: int = 0x8020) -> bytes:
    """Return the command set of a C-FIND-RSP."""
    body = command_element(0x0002, STUDY_ROOT_FIND.encode()) + command_element(0x0100, struct.pack("<H", field))
    body += command_element(0x0120, struct.pack("<H", 1))
    body += command_element(0x0800, struct.pack("<H", 0 if has_dataset else 0x0101))
    return body + command_element(0x0900, struct.pack("<H", status))


def identifier(study: str, series: str, images: bytes | None) -> bytes:
    def element(tag: int, value: bytes) -> bytes:
        value += b" " * (len(value) % 2)
        return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value

    data = (
        element(0x0008_0052, b"SERIES") + element(0x0020_000D, study.encode()) + element(0x0020_000E, series.encode())
    )
    return data if images is None else data + element(0x0020_1209, images)


def values(*parts: tuple[int, bytes], context_id: int = 1) -> bytes:
    """Return a P-DATA-TF PDU of these presentation data values."""
    return pdu(P_DATA, b"".join(struct.pack(">IBB", len(d) + 2, context_id, control) + d for control, d in parts))


def pending(data: bytes) -> bytes:
    return values((3, response(0xFF00, has_dataset=True)), (LAST, data))


FINAL = values((3, response(0x0000, has_dataset=False)))


def answering(*pdus: bytes) -> Script:
    """Accept the association, read the question, send these bytes, and answer a release."""

    def script(connection: socket.socket) -> None:
        read_pdu(connection)
        connection.sendall(associate_ac())
        read_pdu(connection)
        read_pdu(connection)
        for one in pdus:
            connection.sendall(one)
        if read_pdu(connection)[0] == 5:
            connection.sendall(pdu(RELEASE_RP, bytes(4)))

    return script
