"""The bytes of one C-FIND (PS3.8 section 9.3, PS3.7 sections 6.3 and 9.1.2, PS3.4 C.4.1): made and taken apart. Pure.

One presentation context is proposed, in Implicit VR Little Endian, which every peer takes (PS3.5 10.1); so the command
set and the data set are read by the same few lines, and no value is looked at that was not asked for.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hounsfield.daemon.reception.wire import IS_COMMAND, IS_LAST, P_DATA_TF, PDU_HEADER, PDV_HEADER, PDV_OVERHEAD

A_ASSOCIATE_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_RELEASE_RQ, A_RELEASE_RP, A_ABORT = 0x01, 0x02, 0x03, 0x05, 0x06, 0x07
LONGEST_PDU = 16384
"""Bytes behind the header of a PDU; we say so in the request, and read no longer one."""
CONTEXT_ID = 1
FIND_RQ, FIND_RSP = 0x0020, 0x8020
NO_DATASET = 0x0101

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
_IMPLICIT_LITTLE = "1.2.840.10008.1.2"
_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_IMPLEMENTATION = "2.25.94173508237649137650235687261982"
_VERSION = "HOUNSFIELD"

COMMAND_FIELD, DATASET_TYPE, STATUS = 0x0000_0100, 0x0000_0800, 0x0000_0900
STUDY_UID, SERIES_UID = 0x0020_000D, 0x0020_000E
SERIES_IMAGES = 0x0020_1209
"""Number of Series Related Instances."""
_LEVEL = 0x0008_0052

_UID = re.compile(r"[0-9]{1,62}(\.[0-9]{1,62}){1,31}")
_LONGEST_UID = 64
_ELEMENT = struct.Struct("<HHI")
_ITEM = struct.Struct(">BxH")
_UNDEFINED = 0xFFFFFFFF


class Malformed(Exception):
    """What came is not what the standard says. No text: it came from elsewhere."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One presentation data value of a P-DATA-TF PDU."""

    is_command: bool
    is_last: bool
    data: bytes


def is_uid(text: str) -> bool:
    """Whether this is one UID (PS3.5 9.1): no list of several, no wild card."""
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None


def pdu(kind: int, body: bytes) -> bytes:
    """Return a PDU."""
    return PDU_HEADER.pack(kind, len(body)) + body


def associate_rq(called_ae: str, calling_ae: str) -> bytes:
    """Return an A-ASSOCIATE-RQ that proposes Study Root FIND (PS3.8 9.3.2)."""
    context = struct.pack(">BBBB", CONTEXT_ID, 0, 0, 0)
    context += _item(0x30, STUDY_ROOT_FIND.encode()) + _item(0x40, _IMPLICIT_LITTLE.encode())
    user = _item(0x51, struct.pack(">I", LONGEST_PDU)) + _item(0x52, _IMPLEMENTATION.encode())
    body = struct.pack(">HH", 1, 0) + called_ae.encode("ascii").ljust(16) + calling_ae.encode("ascii").ljust(16)
    body += bytes(32) + _item(0x10, _APPLICATION_CONTEXT.encode()) + _item(0x20, context)
    return pdu(A_ASSOCIATE_RQ, body + _item(0x50, user + _item(0x55, _VERSION.encode())))


def is_accepted(body: bytes) -> bool:
    """Whether an A-ASSOCIATE-AC accepts the context (PS3.8 9.3.3); raise :class:`Malformed` where it is none."""
    at = 68
    while at < len(body):
        if at + _ITEM.size > len(body):
            raise Malformed
        kind, length = _ITEM.unpack_from(body, at)
        at += _ITEM.size
        if at + length > len(body):
            raise Malformed
        if kind == 0x21 and length >= 4 and body[at] == CONTEXT_ID:
            return body[at + 2] == 0
        at += length
    return False


def find_rq(study_uid: str, series_uid: str) -> bytes:
    """Return the PDUs of a C-FIND-RQ for one series (PS3.7 9.3.2.1), at level SERIES (PS3.4 C.6.2.1)."""
    command = _encoded(
        (0x0000_0002, _uid_value(STUDY_ROOT_FIND)),
        (COMMAND_FIELD, struct.pack("<H", FIND_RQ)),
        (0x0000_0110, struct.pack("<H", 1)),  # message id
        (0x0000_0700, struct.pack("<H", 0)),  # priority: medium
        (DATASET_TYPE, struct.pack("<H", 0)),
    )
    command = _encoded((0x0000_0000, struct.pack("<I", len(command)))) + command
    keys = _encoded(
        (_LEVEL, b"SERIES"),
        (STUDY_UID, _uid_value(study_uid)),
        (SERIES_UID, _uid_value(series_uid)),
        (SERIES_IMAGES, b""),
    )
    return _p_data(IS_COMMAND | IS_LAST, command) + _p_data(IS_LAST, keys)


def fragments(body: bytes) -> Iterator[Fragment]:
    """Yield what a P-DATA-TF PDU holds (PS3.8 9.3.5); raise :class:`Malformed` where lengths contradict."""
    at = 0
    while at < len(body):
        if at + PDV_HEADER.size > len(body):
            raise Malformed
        length, context_id, control = PDV_HEADER.unpack_from(body, at)
        at += PDV_HEADER.size
        end = at + length - PDV_OVERHEAD
        if context_id != CONTEXT_ID or not at <= end <= len(body):
            raise Malformed
        yield Fragment(bool(control & IS_COMMAND), bool(control & IS_LAST), body[at:end])
        at = end


def elements(data: bytes) -> dict[int, bytes]:
    """Return the top-level elements of a data or command set in Implicit VR Little Endian, by tag.

    Raise :class:`Malformed` for lengths that contradict, and for a sequence of undefined length: none was asked for.
    """
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        if at + _ELEMENT.size > len(data):
            raise Malformed
        group, element, length = _ELEMENT.unpack_from(data, at)
        at += _ELEMENT.size
        if length == _UNDEFINED or at + length > len(data):
            raise Malformed
        found[group << 16 | element] = data[at : at + length]
        at += length
    return found


def number(value: bytes | None) -> int:
    """Return a US of a command set; raise :class:`Malformed` where it is none."""
    if value is None or len(value) != 2:
        raise Malformed
    return int.from_bytes(value, "little")


def text(value: bytes | None) -> str:
    """Return a UID or IS without its padding; empty where there is none."""
    return (value or b"").strip(b"\0 ").decode("latin-1")


def _item(kind: int, body: bytes) -> bytes:
    return _ITEM.pack(kind, len(body)) + body


def _uid_value(uid: str) -> bytes:
    data = uid.encode("ascii")
    return data + b"\0" * (len(data) % 2)


def _encoded(*values: tuple[int, bytes]) -> bytes:
    return b"".join(_ELEMENT.pack(tag >> 16, tag & 0xFFFF, len(value)) + value for tag, value in values)


def _p_data(control: int, data: bytes) -> bytes:
    return pdu(P_DATA_TF, PDV_HEADER.pack(len(data) + PDV_OVERHEAD, CONTEXT_ID, control) + data)
