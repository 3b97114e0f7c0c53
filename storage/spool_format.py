"""The head of a spool file: our own preamble and DICOM file meta (PS3.10 section 7.1), written by hand.

The data set behind it is the received bytes, untouched. Provenance stands in the private information element, so
that a database row can be rebuilt from the file alone.
"""

import hashlib
import json
import struct
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from hounsfield.storage.durable import Buffer
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.records import Arrival, InstanceReceipt
from hounsfield.storage.states import InstanceRole

IMPLEMENTATION_CLASS_UID = "2.25.201740894210867120634716284513371930127"
IMPLEMENTATION_VERSION_NAME = "HOUNSFIELD"
PRIVATE_CREATOR_UID = "2.25.111087129811286018183889135987327689644"

PREAMBLE_MARK = b"HOUNSFIELD spool 1 "
PREAMBLE_BYTES = 128
HEAD_BYTES = 4096
"""Every head has this length: the data set can be written before what stands in the head is known, and mapped into
memory from a page boundary on. What is written is about 1 kB; the rest is spaces in the private information."""

_FIXED_BYTES = PREAMBLE_BYTES + 4 + 12
_LONG_HEADER_BYTES = 12
"""Of an element whose VR has a length of 32 bits."""
_PRIVATE_INFORMATION = (0x0002, 0x0102)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance(Arrival):
    """What is known of a received instance besides its bytes."""

    receiver: str
    """Identity of the receiver process, as in :class:`~hounsfield.storage.records.AssociationRecord`."""

    def receipt(self, digest: str, size: int) -> InstanceReceipt:
        """Return what :meth:`SeriesStore.record` takes. ``size``: bytes of the data set."""
        arrival = {name: getattr(self, name) for name in _ARRIVAL}
        return InstanceReceipt(digest=digest, size=size, **arrival)


_ARRIVAL = tuple(field.name for field in fields(Arrival))
_PROVENANCE = (*_ARRIVAL, "receiver")


def start_digest(transfer_syntax: str) -> "hashlib._Hash":
    """Return the SHA-256 of an instance whose data set bytes are still to come."""
    return hashlib.sha256(transfer_syntax.encode("ascii", "replace") + b"\0")


def digest_of(transfer_syntax: str, dataset: Buffer) -> str:
    """Return the SHA-256 (hex) of transfer syntax and data set bytes."""
    digest = start_digest(transfer_syntax)
    digest.update(dataset)
    return digest.hexdigest()


def encode_head(provenance: Provenance, digest: str, size: int) -> bytes:
    """Return the :data:`HEAD_BYTES` that stand before the data set of ``size`` bytes.

    Raise SpoolError on a non-ASCII UID, or where the provenance is too long for a head.
    """
    fields = {name: getattr(provenance, name) for name in _PROVENANCE}
    fields["received_at"] = provenance.received_at.astimezone(UTC).isoformat()
    private = json.dumps(fields).encode("ascii")
    try:
        public = b"".join(
            (
                _element(0x0001, b"OB", b"\x00\x01"),
                _element(0x0002, b"UI", provenance.sop_class_uid.encode("ascii")),
                _element(0x0003, b"UI", provenance.sop_instance_uid.encode("ascii")),
                _element(0x0010, b"UI", provenance.transfer_syntax.encode("ascii")),
                _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID.encode("ascii")),
                _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode("ascii")),
                _element(0x0016, b"AE", _ae(provenance.calling_ae)),
                _element(0x0017, b"AE", _ae(provenance.calling_ae)),
                _element(0x0018, b"AE", _ae(provenance.called_ae)),
                _element(0x0100, b"UI", PRIVATE_CREATOR_UID.encode("ascii")),
            )
        )
    except UnicodeEncodeError:
        raise SpoolError("a UID of the instance has characters that no UID can have; refuse it on reception") from None
    room = HEAD_BYTES - _FIXED_BYTES - len(public) - _LONG_HEADER_BYTES
    if len(private) > room:
        raise SpoolError("what is known of the sender does not fit into the head of a spool file; refuse it")
    meta = public + _element(0x0102, b"OB", private.ljust(room))
    preamble = PREAMBLE_MARK + digest.encode("ascii") + b" %d" % size
    return preamble.ljust(PREAMBLE_BYTES) + b"DICM" + _element(0x0000, b"UL", struct.pack("<I", len(meta))) + meta


@dataclass(frozen=True, slots=True)
class Head:
    """A spool file's head as read back."""

    digest: str
    size: int
    """Bytes of the data set."""
    length: int
    """Bytes of the head: the data set begins here."""
    provenance: Provenance

    @property
    def receipt(self) -> InstanceReceipt:
        """The database row of the file."""
        return self.provenance.receipt(self.digest, self.size)


def decode_head(data: bytes) -> Head:
    """Read what :func:`encode_head` wrote from the first bytes of a file; raise SpoolError if it is not ours."""
    try:
        mark, digest, size = data[:PREAMBLE_BYTES].rsplit(maxsplit=2)
        if mark != PREAMBLE_MARK.strip() or data[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] != b"DICM":
            raise ValueError("no preamble of ours")
        (meta_length,) = struct.unpack_from("<I", data, _FIXED_BYTES - 4)
        private = json.loads(_private_information(data[_FIXED_BYTES : _FIXED_BYTES + meta_length]))
        private["role"] = InstanceRole(private["role"])
        private["received_at"] = datetime.fromisoformat(private["received_at"])
        return Head(digest.decode("ascii"), int(size), _FIXED_BYTES + meta_length, Provenance(**private))
    except (ValueError, KeyError, TypeError, struct.error):
        raise SpoolError("a file in the spool does not begin with a head of ours; move it away") from None


def _element(element: int, vr: bytes, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr in (b"UI", b"OB") else b" "
    if vr == b"OB":
        return struct.pack("<HH2sHI", 0x0002, element, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", 0x0002, element, vr, len(value)) + value


def _ae(title: str) -> bytes:
    # An AE title from the network may hold anything; the exact text stands in the private information.
    return "".join(c if " " <= c <= "~" and c != "\\" else "?" for c in title)[:16].encode("ascii")


def _private_information(meta: bytes) -> bytes:
    offset = 0
    while offset < len(meta):
        group, element, vr, length = struct.unpack_from("<HH2sH", meta, offset)
        offset += 8
        if vr == b"OB":
            (length,) = struct.unpack_from("<I", meta, offset)
            offset += 4
        if (group, element) == _PRIVATE_INFORMATION:
            return meta[offset : offset + length].rstrip(b"\0")
        offset += length
    raise ValueError("no private information")
