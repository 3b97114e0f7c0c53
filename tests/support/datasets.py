"""Data sets as bytes, whole and broken."""

import struct
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_preamble
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian


def encoded(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return the bytes of a native data set in ``syntax``."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = UID(syntax).is_implicit_VR
    buffer.is_little_endian = UID(syntax).is_little_endian
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def dataset_bytes(path: Path) -> bytes:
    """Return what follows the file meta information of a Part 10 file."""
    data = path.read_bytes()
    with path.open("rb") as file:
        read_preamble(file, force=False)
    (length,) = struct.unpack_from("<I", data, 140)
    assert data[128:140] == b"DICM\x02\x00\x00\x00UL\x04\x00"
    return data[144 + length :]


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    """Return one element in Explicit VR Little Endian."""
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def uid_element(tag: int, uid: str | bytes) -> bytes:
    """Return a UI element, padded as the standard says."""
    value = uid.encode("latin-1") if isinstance(uid, str) else uid
    return element(tag, b"UI", value + b"\0" * (len(value) % 2))


def tiny(
    *,
    sop_class: str = "1.2.840.10008.5.1.4.1.1.2",
    instance: str = "1.2.3.4",
    study: str = "1.2.3",
    series: str = "1.2.3.5",
    more: bytes = b"",
) -> bytes:
    """Return a data set of four UIDs in Explicit VR Little Endian, and ``more`` behind them."""
    return (
        uid_element(0x00080016, sop_class)
        + uid_element(0x00080018, instance)
        + uid_element(0x0020000D, study)
        + uid_element(0x0020000E, series)
        + more
    )


def nested(depth: int, *, explicit_lengths: bool = False) -> bytes:
    """Return a sequence with ``depth`` levels of nesting."""
    if explicit_lengths:
        value = b""
        for _ in range(depth):
            value = element(0x00081115, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value)
        return value
    opening = struct.pack("<HH2sHI", 0x0008, 0x1115, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 2**32 - 1
    )
    closing = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return opening * depth + closing * depth
