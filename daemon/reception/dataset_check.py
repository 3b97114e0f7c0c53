"""What must be right before an instance is stored: size, a data set that can be walked, usable UIDs, no mismatch."""

import re
from dataclasses import dataclass
from functools import lru_cache

from pydicom.uid import UID

from hounsfield.daemon.product import MANUFACTURER
from hounsfield.daemon.reception.dataset_walk import DatasetWalk
from hounsfield.daemon.reception.status import InstanceRefused, Status

_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_MANUFACTURER = 0x00080070
_OURS = MANUFACTURER.encode()
"""Manufacturer (0008,0070) of every result of ours."""
_WANTED = frozenset({_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES, _MANUFACTURER})
_LEADING_ZERO = re.compile(r"(^|\.)0[0-9]")
_USABLE_UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetIdentity:
    """Who an instance says it is, from its data set."""

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    is_marked_ours: bool
    """Its manufacturer is this project."""

    @property
    def has_leading_zeros(self) -> bool:
        """Whether a component of a UID begins with 0: against PS3.5 9.1, but it occurs in the field."""
        uids = (self.sop_class_uid, self.sop_instance_uid, self.study_uid, self.series_uid)
        return _LEADING_ZERO.search(".".join(uids)) is not None


def identify(data: bytes | memoryview, transfer_syntax: str) -> DatasetIdentity:
    """Walk a data set and return its identity; raise :class:`InstanceRefused` where it cannot be stored."""
    implicit, big_endian = encoding_of(transfer_syntax)
    found = DatasetWalk(data, implicit=implicit, big_endian=big_endian, wanted=_WANTED).run()
    return DatasetIdentity(
        sop_class_uid=usable_uid(_text(found.get(_SOP_CLASS))),
        sop_instance_uid=usable_uid(_text(found.get(_SOP_INSTANCE))),
        study_uid=usable_uid(_text(found.get(_STUDY))),
        series_uid=usable_uid(_text(found.get(_SERIES))),
        is_marked_ours=found.get(_MANUFACTURER, b"").strip(b" \0") == _OURS,
    )


@lru_cache(maxsize=64)
def encoding_of(transfer_syntax: str) -> tuple[bool, bool]:
    """Return whether a transfer syntax is of implicit VR, and whether it is big endian."""
    syntax = UID(transfer_syntax)
    return syntax.is_implicit_VR, not syntax.is_little_endian


def usable_uid(uid: str) -> str:
    """Return ``uid``; raise :class:`InstanceRefused` if it is empty, over 64 characters or not of digits and dots."""
    if not _USABLE_UID.fullmatch(uid):
        raise InstanceRefused(Status.UNUSABLE_UID)
    return uid


def _text(value: bytes | None) -> str:
    # UIDs are padded with one NUL (PS3.5 9.1); some writers pad with a space
    return (value or b"").rstrip(b"\0 ").decode("latin-1")
