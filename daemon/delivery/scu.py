"""The Storage SCU: one association per result set, proposing only what is sent, bytes as they lie on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pynetdicom import _config
from pynetdicom.presentation import build_context

from hounsfield.daemon.association.address import Address
from hounsfield.daemon.association.link import STUMBLES, Failure, Link, NoAssociation, associated
from hounsfield.daemon.errors import DeliveryError
from hounsfield.daemon.sop_classes import VERIFICATION

_CLASS_NOT_SUPPORTED = 0x0122
"""Refused: SOP class not supported (PS3.7 C.5.18), by a peer that accepts every context."""


@dataclass(frozen=True, slots=True)
class SentObject:
    """An object the peer has answered for."""

    sop_instance_uid: str
    status: int
    """DIMSE status (PS3.4 annex B.2.3)."""


@dataclass(frozen=True, slots=True)
class SendReport:
    """How the objects of one result set fared; those not in ``sent`` are covered by ``failure``."""

    sent: tuple[SentObject, ...] = ()
    """A variant of an object stands here under its own UID."""
    failure: Failure | None = None


class Variants(Protocol):
    """Gives objects under other SOP classes, for peers that do not take their own."""

    def classes(self, sop_class_uid: str) -> Sequence[str]:
        """Return the classes that objects of this one can be given under, the best first."""

    def file(self, sop_instance_uid: str, sop_class_uid: str) -> Path | None:
        """Return the durable file of an object under another class; None if its content does not fit there."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A file with what its meta information says (PS3.10 section 7.1)."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax: str


class _NoVariants:
    def classes(self, _sop_class_uid: str) -> Sequence[str]:
        return ()

    def file(self, _sop_instance_uid: str, _sop_class_uid: str) -> Path | None:
        return None


def send(address: Address, objects: Sequence[Path], variants: Variants | None = None) -> SendReport:
    """Store the files; each goes out byte for byte. No objects, nothing to do.

    Where the peer does not accept a class, the first of ``variants`` that it accepts is sent in its place. Raise
    :class:`DeliveryError` if a file cannot be read; whatever the peer does is in the report.
    """
    stored = [_inspect(path) for path in objects]
    if not stored:
        return SendReport()
    others = variants or _NoVariants()
    pairs = dict.fromkeys(
        (sop_class, entry.transfer_syntax)
        for entry in stored
        for sop_class in (entry.sop_class_uid, *others.classes(entry.sop_class_uid))
    )
    # pynetdicom's only switch for sending a file without decoding and encoding it again
    _config.STORE_SEND_CHUNKED_DATASET = True
    try:
        with associated(address, [build_context(sop_class, syntax) for sop_class, syntax in pairs]) as link:
            return _Storing(link, others).all(stored)
    except NoAssociation as none:
        return SendReport(failure=none.failure)


def echo(address: Address) -> Failure | None:
    """Ask the destination for an answer (C-ECHO); None if it gave one."""
    try:
        with associated(address, [build_context(VERIFICATION)]) as link:
            try:
                answer = link.association.send_c_echo(msg_id=1)
            except STUMBLES:
                return Failure.BROKEN_OFF
            if getattr(answer, "Status", None) is None or not link.has_answered(1):
                link.break_off()
                return Failure.BROKEN_OFF
            return None  # whatever the status: there is somebody who answers
    except NoAssociation as none:
        return none.failure


def _inspect(path: Path) -> _Stored:
    try:
        meta = read_file_meta_info(path)
        return _Stored(path, meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID)
    except (OSError, InvalidDicomError, AttributeError, EOFError, ValueError) as error:
        raise DeliveryError("a result file cannot be read", "restore it from a backup of the results folder") from error


class _BrokenOff(Exception):
    """There is no answer that can be believed, and there will be none."""


class _Storing:
    """The C-STOREs of one association."""

    def __init__(self, link: Link, variants: Variants) -> None:
        self._link = link
        self._variants = variants
        self._accepted = link.accepted
        self._message_id = 0

    def all(self, stored: Sequence[_Stored]) -> SendReport:
        sent: list[SentObject] = []
        failure: Failure | None = None
        try:
            for entry in stored:
                answer = self._one(entry)
                if answer is None:
                    failure = Failure.NOT_ACCEPTED
                else:
                    sent.append(answer)
        except _BrokenOff:
            self._link.break_off()
            failure = Failure.BROKEN_OFF
        return SendReport(tuple(sent), failure)

    def _one(self, entry: _Stored) -> SentObject | None:
        """Store an object, under another class if need be; None if the peer accepts none of them."""
        answer: SentObject | None = None
        for sop_class in (entry.sop_class_uid, *self._variants.classes(entry.sop_class_uid)):
            if (sop_class, entry.transfer_syntax) not in self._accepted:
                continue
            chosen = entry if sop_class == entry.sop_class_uid else self._variant(entry, sop_class)
            if chosen is None:
                continue
            answer = SentObject(chosen.sop_instance_uid, self._store(chosen))
            if answer.status != _CLASS_NOT_SUPPORTED:
                break
        return answer

    def _variant(self, entry: _Stored, sop_class: str) -> _Stored | None:
        path = self._variants.file(entry.sop_instance_uid, sop_class)
        return None if path is None else _inspect(path)

    def _store(self, entry: _Stored) -> int:
        """Return the status; raise :class:`_BrokenOff`."""
        self._message_id += 1
        self._link.allow()
        try:
            answer = self._link.association.send_c_store(entry.path, msg_id=self._message_id)
        except STUMBLES:
            raise _BrokenOff from None
        status = getattr(answer, "Status", None)
        if status is None or not self._link.has_answered(self._message_id, entry.sop_instance_uid):
            raise _BrokenOff
        return int(status)
