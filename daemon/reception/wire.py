"""The bytes of PDUs, PDVs and command sets (PS3.8 section 9.3, PS3.7 section 6.3), as far as reception reads them."""

import struct
from dataclasses import dataclass

PDU_HEADER = struct.Struct(">BxI")
"""Type and length of what follows."""
PDV_HEADER = struct.Struct(">IBB")
"""Length of what follows the length itself, presentation context id, message control header."""
PDV_OVERHEAD = 2
"""Bytes that a PDV's length counts besides its fragment."""

A_ASSOCIATE_RQ, P_DATA_TF, A_ABORT = 0x01, 0x04, 0x07
PDU_TYPES = range(0x01, 0x08)
UNRECOGNISED_PDU, UNEXPECTED_PDU, INVALID_PARAMETER = 1, 2, 6
"""Reasons of A-ABORT (PS3.8 9.3.8)."""
IS_COMMAND, IS_LAST = 0x01, 0x02
"""Bits of the message control header (PS3.8 E.2)."""

C_STORE_RQ = 0x0001
_C_STORE_RSP = 0x8001
_NO_DATASET = 0x0101
_LONGEST_UID = 64

_ELEMENT = struct.Struct("<HHI")
_US = struct.Struct("<H")
_UL = struct.Struct("<I")

_CLASS, _FIELD, _MESSAGE_ID, _RESPONDED_TO = 0x0002, 0x0100, 0x0110, 0x0120
_DATASET_TYPE, _STATUS, _COMMENT, _INSTANCE = 0x0800, 0x0900, 0x0902, 0x1000


class BrokenProtocol(Exception):
    """The peer broke the protocol or a limit: the association is aborted. The text is for our log, never the peer's."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command set, as far as it matters here (PS3.7 E.1). UIDs are as sent, without padding."""

    field: int
    has_dataset: bool
    message_id: int
    sop_class_uid: str
    sop_instance_uid: str


def decode_command(data: bytes | bytearray | memoryview) -> Command:
    """Read a command set (Implicit VR Little Endian). Raise :class:`BrokenProtocol` where it is none."""
    found: dict[int, bytes] = {}
    at, end = 0, len(data)
    while at < end:
        if at + 8 > end:
            raise BrokenProtocol("a command set ends inside an element")
        group, element, length = _ELEMENT.unpack_from(data, at)
        at += 8
        if group != 0 or at + length > end:
            raise BrokenProtocol("a command set holds something else than command elements")
        found[element] = bytes(data[at : at + length])
        at += length
    return Command(
        field=_number(found.get(_FIELD)),
        has_dataset=_number(found.get(_DATASET_TYPE)) != _NO_DATASET,
        message_id=_number(found[_MESSAGE_ID]) if _MESSAGE_ID in found else 0,
        sop_class_uid=_uid(found.get(_CLASS)),
        sop_instance_uid=_uid(found.get(_INSTANCE)),
    )


def store_response(context_id: int, command: Command, status: int, comment: str) -> bytes:
    """Return a C-STORE-RSP (PS3.7 9.3.1.2) as one whole P-DATA-TF PDU; UIDs too long to be meant are cut."""
    values = [
        (_CLASS, _padded(command.sop_class_uid)),
        (_FIELD, _US.pack(_C_STORE_RSP)),
        (_RESPONDED_TO, _US.pack(command.message_id)),
        (_DATASET_TYPE, _US.pack(_NO_DATASET)),
        (_STATUS, _US.pack(status)),
    ]
    if comment:
        text = comment.encode("ascii")
        values.append((_COMMENT, text + b" " * (len(text) % 2)))
    values.append((_INSTANCE, _padded(command.sop_instance_uid)))
    body = b"".join(_ELEMENT.pack(0, element, len(value)) + value for element, value in values)
    body = _ELEMENT.pack(0, 0, 4) + _UL.pack(len(body)) + body
    pdv = PDV_HEADER.pack(len(body) + PDV_OVERHEAD, context_id, IS_COMMAND | IS_LAST) + body
    return PDU_HEADER.pack(P_DATA_TF, len(pdv)) + pdv


def abort_pdu(reason: int) -> bytes:
    """Return an A-ABORT of the service provider (PS3.8 9.3.8) with a reason."""
    return PDU_HEADER.pack(A_ABORT, 4) + bytes((0, 0, 2, reason))


def _number(value: bytes | None) -> int:
    if value is None or len(value) != _US.size:
        raise BrokenProtocol("a command set lacks a number")
    number: int = _US.unpack(value)[0]
    return number


def _uid(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0 ").decode("latin-1")


def _padded(uid: str) -> bytes:
    data = uid[:_LONGEST_UID].encode("latin-1")
    return data + b"\0" * (len(data) % 2)
