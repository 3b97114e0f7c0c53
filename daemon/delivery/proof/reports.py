"""What destinations report of storage commitment (N-EVENT-REPORT, PS3.4 J.3.3), whichever association it comes on."""

import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import structlog
from pydicom import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from hounsfield.daemon.association.link import STUMBLES
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.reception.dataset_walk import DatasetWalk
from hounsfield.daemon.reception.status import InstanceRefused
from hounsfield.daemon.sop_classes import COMMITMENT
from hounsfield.storage.commitments import AnswerTaken, CommitmentAnswer, CommitmentStore
from hounsfield.storage.errors import StorageError

log = structlog.get_logger("hounsfield.proof")

SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
ALL_KEPT, FAILURES_EXIST = 1, 2
"""Event Type IDs (PS3.4 table J.3-2)."""
_SUCCESS, _PROCESSING_FAILURE, _NO_SUCH_EVENT, _INVALID_VALUE = 0x0000, 0x0110, 0x0113, 0x0115
_NO_SUCH_CLASS = 0x0118
_MOST_BYTES = 1024 * 1024
_MOST_ITEMS = 4096
_LONGEST_UID = 64
_TRANSACTION, _KEPT, _FAILED = 0x0008_1195, 0x0008_1199, 0x0008_1198
_INSTANCE, _REASON = 0x0008_1155, 0x0008_1197
_STUMBLES = (*STUMBLES, EOFError, OSError, struct.error)
"""What reading a data set raises that somebody has made up."""


TakeReport = Callable[[int | None, bytes, str], int]
"""Takes Event Type ID, event information and its transfer syntax; returns the status of the answer."""


class Unreadable(Exception):
    """This is no report of storage commitment."""


def read_report(data: bytes, syntax: str) -> CommitmentAnswer:
    """Return what the event information says; raise :class:`Unreadable` and nothing else, whatever comes."""
    if syntax not in SYNTAXES or len(data) > _MOST_BYTES:
        raise Unreadable
    implicit, big_endian = syntax == ImplicitVRLittleEndian, syntax == ExplicitVRBigEndian
    try:
        DatasetWalk(data, implicit=implicit, big_endian=big_endian, wanted=frozenset()).run()  # bounds the nesting
        report = read_dataset(BytesIO(data), is_implicit_VR=implicit, is_little_endian=not big_endian)
        transaction = _uid(report, _TRANSACTION)
        kept = [_uid(item, _INSTANCE) for item in _items(report, _KEPT)]
        order = ">H" if big_endian else "<H"
        failed = {_uid(item, _INSTANCE): _reason(item, order) for item in _items(report, _FAILED)}
    except (InstanceRefused, *_STUMBLES):
        raise Unreadable from None
    return CommitmentAnswer(transaction_uid=transaction, kept=kept, failed=failed)


def _items(report: Dataset, tag: int) -> Iterator[Dataset]:
    items = report[tag].value if tag in report else []
    if len(items) > _MOST_ITEMS:
        raise Unreadable
    return iter(items)


def _raw(dataset: Dataset, tag: int) -> bytes:
    """Return a value as it came: converting it could warn in the sender's words."""
    value = getattr(dataset.get_item(tag, keep_deferred=True), "value", None)
    if not isinstance(value, bytes):
        raise Unreadable
    return value


def _uid(dataset: Dataset, tag: int) -> str:
    text = _raw(dataset, tag).strip(b"\0 ").decode("ascii")
    if not 0 < len(text) <= _LONGEST_UID:
        raise Unreadable
    return text


def _reason(item: Dataset, order: str) -> int:
    """Return the Failure Reason; one that is missing, or 0, is a processing failure: no failure passes for success."""
    try:
        return int(struct.unpack(order, _raw(item, _REASON))[0]) or _PROCESSING_FAILURE
    except (Unreadable, struct.error):
        return _PROCESSING_FAILURE


class ReportDesk:
    """Takes reports in, from the receiver's associations and from our own. May be called from many threads."""

    def __init__(self, store: CommitmentStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """How many reports were recorded, repeated, unknown, unreadable or of an unknown type."""
        with self._lock:
            return dict(self._counts)

    def take(self, event_type: int | None, data: bytes, syntax: str) -> int:
        """Record a report and return the status of our answer (PS3.7 10.1.1.1.8).

        What we never asked for is answered as a success, so that nobody sends it for ever, and ignored.
        """
        if event_type not in (ALL_KEPT, FAILURES_EXIST):
            return self._ignore("unknown-event-type", _NO_SUCH_EVENT)
        try:
            taken = self._store.answer(read_report(data, syntax), self._clock.now())
        except Unreadable:
            return self._ignore("unreadable", _INVALID_VALUE)
        except StorageError as error:
            log.warning("a report of storage commitment cannot be recorded", error=str(error))
            return _PROCESSING_FAILURE  # the destination tries again
        if taken is AnswerTaken.UNKNOWN:
            return self._ignore(str(taken), _SUCCESS)
        self._count(str(taken))
        return _SUCCESS

    def _ignore(self, why: str, status: int) -> int:
        log.warning("a report of storage commitment is ignored", reason=why, so_far=self._count(why))
        return status

    def _count(self, what: str) -> int:
        with self._lock:
            self._counts[what] += 1
            return self._counts[what]


def take_event(event: Any, take: TakeReport) -> int:
    """Hand on an N-EVENT-REPORT (an event of the library) of storage commitment; return the status of our answer."""
    request = event.request
    if {str(event.context.abstract_syntax), str(request.AffectedSOPClassUID)} != {COMMITMENT}:
        return _NO_SUCH_CLASS
    data = b"" if request.EventInformation is None else request.EventInformation.getvalue()
    return take(request.EventTypeID, data, str(event.context.transfer_syntax))
