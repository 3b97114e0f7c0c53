"""The Storage SCU: one association per result set, proposing only what is sent, bytes as they lie on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pynetdicom import AE, _config
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

from hounsfield.daemon.delivery.address import Address
from hounsfield.daemon.delivery.association import Failure
from hounsfield.daemon.delivery.reactor import steady
from hounsfield.daemon.errors import DeliveryError

__all__ = ["VERIFICATION", "Failure", "SendReport", "SentObject", "echo", "send"]

VERIFICATION = "1.2.840.10008.1.1"
_REJECTED_TRANSIENT = 2
"""Result of A-ASSOCIATE-RJ (PS3.8 9.3.4)."""


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
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class _Stored:
    """A file with what its meta information says (PS3.10 section 7.1)."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax: str


def send(address: Address, objects: Sequence[Path]) -> SendReport:
    """Store the files; each goes out byte for byte. No objects, nothing to do.

    Raise :class:`DeliveryError` if a file cannot be read; whatever the peer does is in the report.
    """
    stored = [_inspect(path) for path in objects]
    if not stored:
        return SendReport()
    pairs = dict.fromkeys((entry.sop_class_uid, entry.transfer_syntax) for entry in stored)
    association = _associate(address, [build_context(sop_class, syntax) for sop_class, syntax in pairs])
    if association is None or not association.is_established:
        return SendReport(failure=_why_none(association))
    try:
        return _store_all(association, stored)
    finally:
        if association.is_established:
            association.release()


def echo(address: Address) -> Failure | None:
    """Ask the destination for an answer (C-ECHO); None if it gave one."""
    association = _associate(address, [build_context(VERIFICATION)])
    if association is None or not association.is_established:
        return _why_none(association)
    try:
        answer = association.send_c_echo()
        return None if getattr(answer, "Status", None) == 0 else Failure.BROKEN_OFF
    finally:
        if association.is_established:
            association.release()


def _inspect(path: Path) -> _Stored:
    try:
        meta = read_file_meta_info(path)
        return _Stored(path, meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID)
    except (OSError, InvalidDicomError, AttributeError, EOFError, ValueError) as error:
        raise DeliveryError("a result file cannot be read", "restore it from a backup of the results folder") from error


def _associate(address: Address, contexts: list[PresentationContext]) -> Association | None:
    """Return an association, established or not; None if the name of the host means nothing here (now)."""
    # pynetdicom's only switch for sending a file without decoding and encoding it again
    _config.STORE_SEND_CHUNKED_DATASET = True
    ae = AE(ae_title=address.calling_ae)
    ae.connection_timeout = address.connect_timeout_seconds
    ae.acse_timeout = address.acse_timeout_seconds
    ae.dimse_timeout = ae.network_timeout = address.dimse_timeout_seconds
    try:
        made = ae.associate(address.host, address.port, contexts=contexts, ae_title=address.ae_title)
    except OSError:
        return None
    return steady(made) if made.is_established else made


def _why_none(association: Association | None) -> Failure:
    if association is None:
        return Failure.UNREACHABLE
    answer = association.acceptor.primitive
    if association.is_rejected:
        transient = answer is not None and answer.result == _REJECTED_TRANSIENT
        return Failure.BUSY if transient else Failure.REJECTED
    if answer is not None and not association.accepted_contexts:
        return Failure.NOT_ACCEPTED
    return Failure.UNREACHABLE


def _store_all(association: Association, stored: Sequence[_Stored]) -> SendReport:
    accepted = {(context.abstract_syntax, context.transfer_syntax[0]) for context in association.accepted_contexts}
    sent: list[SentObject] = []
    failure: Failure | None = None
    for number, entry in enumerate(stored, start=1):
        if (entry.sop_class_uid, entry.transfer_syntax) not in accepted:
            failure = Failure.NOT_ACCEPTED
            continue
        status = _store_one(association, entry, number)
        if status is None:
            return SendReport(tuple(sent), Failure.BROKEN_OFF)
        sent.append(SentObject(entry.sop_instance_uid, status))
    return SendReport(tuple(sent), failure)


def _store_one(association: Association, entry: _Stored, message_id: int) -> int | None:
    """Return the status, None if the association is gone."""
    try:
        answer = association.send_c_store(entry.path, msg_id=message_id)
    except RuntimeError:
        return None
    status = getattr(answer, "Status", None)
    return None if status is None else int(status)
