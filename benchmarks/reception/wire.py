"""What a Storage SCU says on the wire: association, C-STORE and release (PS3.7, PS3.8), as plain bytes.

Only as much as the benchmark needs: one presentation context, CT Image Storage in Explicit VR Little Endian.
Nothing is imported that costs time, so that the sender is never what is measured.
"""

import socket
import struct
from collections.abc import Iterator

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
CONTEXT_ID = 1
SUCCESS = 0x0000

_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_IMPLEMENTATION_CLASS = "2.25.106013290187034205427893071840936501627"
_LARGEST = 1 << 20
"""Bytes of a PDU where the receiver sets no maximum."""
_OUR_MAXIMUM = 1 << 14
_COMMAND, _LAST = 0x01, 0x02


class WireError(Exception):
    """The receiver answered something else than the benchmark can use."""


def uid(run: int, number: int) -> str:
    """Return a UID of always 44 characters, so that it can be patched over another one in place."""
    return f"2.25.1{run:019d}{number:019d}"


def associate(connection: socket.socket, called: str, calling: str) -> int:
    """Open an association; return the largest PDU the receiver takes, in bytes. Raises WireError."""
    connection.sendall(_associate_request(called, calling))
    kind, body = read_pdu(connection)
    if kind != 0x02:
        raise WireError(f"the association was not accepted: PDU {kind:#04x} {body[:4].hex()}")
    maximum = 0
    for item, value in _items(body[68:]):
        if item == 0x21 and value[2] != 0:
            raise WireError(f"CT in Explicit VR Little Endian was not accepted: result {value[2]}")
        if item == 0x50:
            maximum = next((struct.unpack(">I", found)[0] for sub, found in _items(value) if sub == 0x51), 0)
    return maximum or _LARGEST


def release(connection: socket.socket) -> None:
    """End the association as a polite sender does."""
    connection.sendall(_pdu(0x05, bytes(4)))
    read_pdu(connection)


class StoreMessage:
    """A C-STORE-RQ with its data set as one run of P-DATA PDUs, made once; UIDs and message id are patched in place."""

    def __init__(self, dataset: bytes, instance: str, series: str, largest_pdu: int) -> None:
        self._number = 0
        command = _command_set(instance)
        message = bytearray(_data_pdu(_COMMAND | _LAST, command))
        self._message_id_at = message.index(struct.pack("<HHIH", 0, 0x0110, 2, 0)) + 8
        size = (largest_pdu - 6) // 2 * 2
        for start in range(0, len(dataset), size):
            part = dataset[start : start + size]
            message += _data_pdu(_LAST if start + size >= len(dataset) else 0, part)
        self._instances_at = list(_places(message, instance))
        self._series_at = list(_places(message, series))
        self.bytes = message
        if len(self._instances_at) != 2 or len(self._series_at) != 1:
            raise WireError("the UIDs to patch do not stand once each in command and data set")

    def set_series(self, series: str) -> None:
        """Put the images that follow into another series."""
        self._patch(self._series_at, series)

    def next(self, instance: str) -> bytearray:
        """Make it the next image and return what goes over the wire."""
        self._number = self._number % 0xFFFF + 1
        struct.pack_into("<H", self.bytes, self._message_id_at, self._number)
        self._patch(self._instances_at, instance)
        return self.bytes

    def _patch(self, places: list[int], value: str) -> None:
        for place in places:
            self.bytes[place : place + len(value)] = value.encode()


def read_status(connection: socket.socket) -> int:
    """Wait for a C-STORE-RSP and return its status (0000,0900). Raises WireError."""
    kind, body = read_pdu(connection)
    if kind != 0x04:
        raise WireError(f"no C-STORE response: PDU {kind:#04x} {body[:4].hex()}")
    at = 6
    while at + 8 <= len(body):
        group, element, size = struct.unpack_from("<HHI", body, at)
        if (group, element) == (0, 0x0900):
            return int(struct.unpack_from("<H", body, at + 8)[0])
        at += 8 + size
    raise WireError("a C-STORE response without a status")


def read_pdu(connection: socket.socket) -> tuple[int, bytes]:
    """Return type and body of the next PDU. Raises WireError when the receiver hangs up."""
    kind, size = struct.unpack(">BxI", _read(connection, 6))
    return kind, _read(connection, size)


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise WireError("the receiver closed the connection")
        data += more
    return data


def _associate_request(called: str, calling: str) -> bytes:
    context = (
        bytes((CONTEXT_ID, 0, 0, 0)) + _item(0x30, CT_IMAGE.encode()) + _item(0x40, EXPLICIT_LITTLE_ENDIAN.encode())
    )
    user = _item(0x51, struct.pack(">I", _OUR_MAXIMUM)) + _item(0x52, _IMPLEMENTATION_CLASS.encode())
    titles = called.encode().ljust(16) + calling.encode().ljust(16)
    items = _item(0x10, _APPLICATION_CONTEXT.encode()) + _item(0x20, context) + _item(0x50, user)
    return _pdu(0x01, struct.pack(">HH", 1, 0) + titles + bytes(32) + items)


def _command_set(instance: str) -> bytes:
    values = (
        (0x0002, CT_IMAGE.encode()),
        (0x0100, struct.pack("<H", 0x0001)),  # C-STORE-RQ
        (0x0110, struct.pack("<H", 0)),  # message id, patched
        (0x0700, struct.pack("<H", 0)),  # priority
        (0x0800, struct.pack("<H", 0)),  # a data set follows
        (0x1000, instance.encode()),
    )
    body = b"".join(_command_element(element, value) for element, value in values)
    return _command_element(0, struct.pack("<I", len(body))) + body


def _command_element(element: int, value: bytes) -> bytes:
    value += bytes(len(value) % 2)
    return struct.pack("<HHI", 0, element, len(value)) + value


def _data_pdu(control: int, payload: bytes) -> bytes:
    return _pdu(0x04, struct.pack(">IBB", len(payload) + 2, CONTEXT_ID, control) + payload)


def _pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        kind, size = struct.unpack_from(">BxH", data, at)
        yield kind, data[at + 4 : at + 4 + size]
        at += 4 + size


def _places(data: bytearray, value: str) -> Iterator[int]:
    at = data.find(value.encode())
    while at >= 0:
        yield at
        at = data.find(value.encode(), at + 1)
