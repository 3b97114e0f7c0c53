"""Archives that answer C-FIND: one that keeps to the standard, and one that sends whatever bytes it is told to.

The second one is a script of :mod:`support.scripted`.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, evt
from support.pdu_wire import p_data, pdv
from support.scripted import Script, associate_ac, read_pdu
from support.wire import COMMAND, LAST, RELEASE_RQ, command_element, release_rp

from hounsfield.daemon.query.archive import QueryPeer

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"


def peer_at(port: int, ae_title: str = "ARCHIVE", seconds: float = 3.0) -> QueryPeer:
    return QueryPeer(host="127.0.0.1", port=port, ae_title=ae_title, calling_ae="HOUNSFIELD", timeout_seconds=seconds)


class Archive:
    """A Study Root FIND SCP of the network library; what it holds may be changed at any time."""

    def __init__(self) -> None:
        self.images: dict[tuple[str, str], int] = {}
        """How many, by Study and Series Instance UID: its answers at level SERIES."""
        self.patients: dict[str, Dataset] = {}
        """Whose it is, by Study Instance UID: its answers at level STUDY."""
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
        match = self._study(keys) if keys.QueryRetrieveLevel == "STUDY" else self._series(keys)
        if match is not None:
            match.QueryRetrieveLevel = keys.QueryRetrieveLevel
            match.RetrieveAETitle = "ARCHIVE"
            match.StudyInstanceUID = keys.StudyInstanceUID
            yield 0xFF00, match
        yield 0x0000, None

    def _study(self, keys: Dataset) -> Dataset | None:
        patient = self.patients.get(str(keys.StudyInstanceUID))
        if patient is None:
            return None
        match = Dataset()
        match.update(patient)
        return match

    def _series(self, keys: Dataset) -> Dataset | None:
        images = self.images.get((str(keys.StudyInstanceUID), str(keys.SeriesInstanceUID)))
        if images is None:
            return None
        match = Dataset()
        match.SeriesInstanceUID = keys.SeriesInstanceUID
        match.NumberOfSeriesRelatedInstances = str(images)
        return match


@contextmanager
def archive() -> Iterator[Archive]:
    running = Archive()
    try:
        yield running
    finally:
        running.server.shutdown()


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
    return p_data(*(pdv(context_id, control, data) for control, data in parts))


def pending(data: bytes) -> bytes:
    """Return a PDU with one match."""
    return values((COMMAND | LAST, response(0xFF00, has_dataset=True)), (LAST, data))


FINAL = values((COMMAND | LAST, response(0x0000, has_dataset=False)))


def answering(*pdus: bytes) -> Script:
    """Accept the association, read the question, send these bytes, and answer a release."""

    def script(connection: socket.socket) -> None:
        read_pdu(connection)
        connection.sendall(associate_ac())
        read_pdu(connection)
        read_pdu(connection)
        for one in pdus:
            connection.sendall(one)
        if read_pdu(connection)[0] == RELEASE_RQ:
            connection.sendall(release_rp())

    return script
