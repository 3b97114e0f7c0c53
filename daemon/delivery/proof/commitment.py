"""The Storage Commitment SCU: one N-ACTION on an association of its own (PS3.4 J.3.2), and what is reported there.

The library's own N-ACTION takes the next message for its response. A destination may report first, so ours lets the
association run and picks the response out of what comes.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pydicom import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import build_context, evt
from pynetdicom.dimse_messages import N_ACTION_RSP, N_EVENT_REPORT_RSP
from pynetdicom.dimse_primitives import N_ACTION
from pynetdicom.dsutils import encode

from hounsfield.daemon.association.address import Address
from hounsfield.daemon.association.link import STUMBLES, Failure, Link, NoAssociation, associated
from hounsfield.daemon.delivery.proof.reports import TakeReport, take_event
from hounsfield.daemon.sop_classes import COMMITMENT
from hounsfield.storage.records import ResultObject

_WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"
_REQUEST_COMMITMENT = 1
"""Action Type ID (PS3.4 table J.3-1)."""
_MESSAGE_ID = 1
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Requested:
    """How a request fared."""

    status: int | None
    """Of the N-ACTION response (PS3.7 10.1.4.1.10); None without one."""
    failure: Failure | None = None
    """Why there is none."""

    @property
    def is_accepted(self) -> bool:
        """Whether there will be a report."""
        return self.status is not None and (self.status == 0 or self.status & 0xF000 == 0xB000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask whom for."""

    address: Address
    transaction_uid: str
    objects: Sequence[ResultObject]


def request(
    asked: Request,
    take: TakeReport,
    is_answered: Callable[[], bool],
    monotonic: Callable[[], float],
    linger_seconds: float,
) -> Requested:
    """Request storage commitment; whatever the destination does is in what is returned.

    After it has accepted, the association stays open until ``is_answered``, for ``linger_seconds`` at most: many
    report on it.
    """
    inbox = _Inbox(take)
    # every peer takes this transfer syntax (PS3.5 10.1), and nothing in it can grow
    contexts = [build_context(COMMITMENT, ImplicitVRLittleEndian)]
    try:
        with associated(asked.address, contexts, handlers=inbox.handlers(), monotonic=monotonic) as link:
            if (COMMITMENT, ImplicitVRLittleEndian) not in link.accepted:
                return Requested(None, Failure.NOT_ACCEPTED)
            status = _ask(link, asked, inbox)
            if status is None:
                link.break_off()
                return Requested(None, Failure.BROKEN_OFF)
            requested = Requested(status)
            if requested.is_accepted:
                _linger(link, inbox, is_answered, linger_seconds)
            return requested
    except NoAssociation as reason:
        return Requested(None, reason.failure)
    except STUMBLES:
        return Requested(None, Failure.BROKEN_OFF)


def _ask(link: Link, asked: Request, inbox: "_Inbox") -> int | None:
    """Send the N-ACTION and return the status of its response; None if the association ended before."""
    association = link.association
    message = N_ACTION()
    message.MessageID = _MESSAGE_ID
    message.RequestedSOPClassUID = COMMITMENT
    message.RequestedSOPInstanceUID = _WELL_KNOWN_INSTANCE
    message.ActionTypeID = _REQUEST_COMMITMENT
    information = encode(_action_information(asked), is_implicit_vr=True, is_little_endian=True)
    assert information is not None  # our own UIDs
    message.ActionInformation = BytesIO(information)
    link.allow()
    association.dimse.send_msg(message, int(association.accepted_contexts[0].context_id or 0))
    inbox.wait(lambda: inbox.status is not None or not link.left() or not association.is_established)
    return inbox.status


def _linger(link: Link, inbox: "_Inbox", is_answered: Callable[[], bool], seconds: float) -> None:
    link.allow(seconds)
    inbox.wait(
        lambda: (not inbox.is_answering and is_answered()) or not link.left() or not link.association.is_established
    )


def _action_information(asked: Request) -> Dataset:
    references = []
    for one in asked.objects:
        reference = Dataset()
        reference.ReferencedSOPClassUID = one.sop_class_uid
        reference.ReferencedSOPInstanceUID = one.sop_instance_uid
        references.append(reference)
    information = Dataset()
    information.TransactionUID = asked.transaction_uid
    information.ReferencedSOPSequence = DicomSequence(references)
    return information


class _Inbox:
    """What comes on our association; its own threads put it here."""

    def __init__(self, take: TakeReport) -> None:
        self._take = take
        self._news = threading.Condition()
        self._is_leaving = False
        self.status: int | None = None
        """Of the N-ACTION response."""
        self.is_answering = False
        """Whether a report waits for our answer: a release would cut it off."""

    def handlers(self) -> list[Any]:
        """Return what the library is to call for which event."""
        return [
            (evt.EVT_DIMSE_RECV, self._on_message),
            (evt.EVT_N_EVENT_REPORT, self._on_report),
            (evt.EVT_DIMSE_SENT, self._on_answer),
            (evt.EVT_PDU_SENT, self._on_sent),
        ]

    def wait(self, is_over: Callable[[], bool]) -> None:
        """Wait until ``is_over``, which must have a deadline in it."""
        with self._news:
            while not is_over():
                self._news.wait(_POLL_SECONDS)

    def _on_message(self, event: Any) -> None:
        if not isinstance(event.message, N_ACTION_RSP):
            return
        command = event.message.command_set
        status = command.get("Status")
        if command.get("MessageIDBeingRespondedTo") == _MESSAGE_ID and isinstance(status, int):
            with self._news:
                self.status = status
                self._news.notify_all()

    def _on_report(self, event: Any) -> tuple[int, None]:
        self.is_answering = True
        return take_event(event, self._take), None

    def _on_answer(self, event: Any) -> None:
        """Our answer, of one PDU, is about to go out."""
        self._is_leaving = isinstance(event.message, N_EVENT_REPORT_RSP)

    def _on_sent(self, _event: Any) -> None:
        if self._is_leaving:
            with self._news:
                self._is_leaving = self.is_answering = False
                self._news.notify_all()
