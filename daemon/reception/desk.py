"""What happens on each association, from its request to its end: the handlers of the library's events."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_RELEASE

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.reception import library
from hounsfield.daemon.reception.admission import Admission, Applicant, Decision, Parties, Rejection
from hounsfield.daemon.reception.associations import Claim, OpenAssociation
from hounsfield.daemon.reception.contexts import ContextOffer
from hounsfield.daemon.reception.intake_gate import IntakeGate
from hounsfield.daemon.reception.messages import AcceptedContext, Arrival
from hounsfield.daemon.reception.registrar import Registrar
from hounsfield.daemon.reception.sightings import SightingBook
from hounsfield.daemon.reception.status import Status
from hounsfield.daemon.reception.storage_handler import InstanceAcceptor, StoreRequest
from hounsfield.daemon.reception.tally import ReceptionTally
from hounsfield.daemon.reception.wire import Command
from hounsfield.daemon.sop_classes import COMMITMENT, VERIFICATION
from hounsfield.storage.states import AssociationEnding

log = structlog.get_logger("hounsfield.reception")

TakeEvent = Callable[[Any], int]
"""Takes an N-EVENT-REPORT (an event of the library) of storage commitment; returns the status of our answer."""
_NO_SUCH_CLASS = 0x0118
_WHILE_PAUSED = frozenset({VERIFICATION, COMMITMENT})
"""What may be asked for while intake is paused: whether we live, and to tell us that our results are kept (PS3.4 J)."""


class Desk:
    """Admits associations, knows those that are open, and has their instances stored."""

    def __init__(
        self,
        *,
        admission: Admission,
        offer: ContextOffer,
        sightings: SightingBook,
        acceptor: InstanceAcceptor,
        registrar: Registrar,
        clock: Clock,
        receiver: str,
        gate: IntakeGate,
        tally: ReceptionTally,
        take_report: TakeEvent | None = None,
    ) -> None:
        """``take_report``: what destinations report of storage commitment; None: they are not listened to."""
        self._admission = admission
        self._offer = offer
        self._sightings = sightings
        self._acceptor = acceptor
        self._registrar = registrar
        self._clock = clock
        self._receiver = receiver
        self._take_report = take_report
        self._gate = gate
        self._tally = tally
        self._open: dict[Association, OpenAssociation] = {}
        self._lock = threading.Lock()
        self._is_closing = False

    def handlers(self) -> list[tuple[Any, Callable[[Any], Any]]]:
        """Return what the library is to call for which event."""
        return [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_ACSE_RECV, self._on_acse),
            (evt.EVT_DIMSE_RECV, self._on_message),
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_N_EVENT_REPORT, self._on_report),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_aborted),
            (evt.EVT_CONN_CLOSE, self._on_closed),
        ]

    def begin_store(self, association: Association, command: Command, context: AcceptedContext) -> Arrival:
        """Begin to store what comes the short way."""
        said = Claim(command.sop_class_uid, command.sop_instance_uid)
        return self._begin(association, said, context)

    def close(self) -> None:
        """Admit nobody any more."""
        with self._lock:
            self._is_closing = True

    def living(self) -> dict[Association, OpenAssociation]:
        """Return the associations that are open."""
        with self._lock:
            return {association: entry for association, entry in self._open.items() if association.is_alive()}

    def sweep(self) -> None:
        """End associations whose thread died without an event."""
        with self._lock:
            dead = [association for association in self._open if not association.is_alive()]
        for association in dead:
            self._end(association, AssociationEnding.ABORTED)

    def _on_requested(self, event: Any) -> None:
        association = event.assoc
        request = association.requestor.primitive
        parties = Parties.of(
            calling_ae=request.calling_ae_title,
            called_ae=request.called_ae_title,
            peer_address=association.requestor.address,
        )
        wanted = [str(context.abstract_syntax) for context in request.presentation_context_definition_list]
        decision = self._decide(association, parties, wanted)
        if decision.rejection is not None:
            self._log_decision("association refused", parties, decision.rejection)
            library.reject(association, decision.rejection)
            return
        if decision.overlooked is not None:
            self._log_decision("association admitted by dicom.learning", parties, decision.overlooked)
        reports = self._take_report is not None and decision.overlooked is None and _offers_reports(association)
        association.acceptor.supported_contexts = self._offer.of(wanted, reports=reports)

    def _decide(self, association: Association, parties: Parties, wanted: Sequence[str]) -> Decision:
        """Decide on a request, note who came, and know the association if it is admitted."""
        applicant = Applicant(
            parties=parties,
            certificate=library.fingerprint_of(association),
            has_user_identity=association.requestor.user_identity is not None,
        )
        decision = self._admission.identify(applicant)  # may wait for a resolver: not under the lock
        if decision.is_admitted and self._gate.is_closed and not _WHILE_PAUSED.issuperset(wanted):
            decision = replace(decision, rejection=Rejection.PAUSED)
        with self._lock:
            decision = self._seat(decision, parties)
            if decision.is_admitted:
                entry = OpenAssociation(parties, self._receiver, self._registrar, self._clock)
                self._open[association] = entry
                # this thread is the association's own, and ends with it
                structlog.contextvars.bind_contextvars(association=entry.id)
        self._sightings.note(parties, decision.reason, decision.is_admitted)
        self._tally.asked(decision.reason, decision.is_admitted)
        return decision

    def _seat(self, decision: Decision, parties: Parties) -> Decision:
        if self._is_closing:
            return replace(decision, rejection=Rejection.STOPPING)
        senders = [
            (entry.parties.calling_ae, entry.parties.peer_address)
            for association, entry in self._open.items()
            if association.is_alive()
        ]
        return self._admission.seat(
            decision,
            open_associations=len(senders),
            open_of_peer=senders.count((parties.calling_ae, parties.peer_address)),
        )

    def _log_decision(self, what: str, parties: Parties, found: Rejection) -> None:
        log.warning(
            what,
            calling_ae=parties.calling_ae,
            called_ae=parties.called_ae,
            peer=parties.peer_address,
            reason=found.words,
        )

    def _on_acse(self, event: Any) -> None:
        # Noted before our answer goes out: the peer may close the connection before the library says "released".
        entry = self._open.get(event.assoc)
        if entry is not None and isinstance(event.primitive, A_RELEASE):
            entry.release_requested = True

    def _on_message(self, event: Any) -> None:
        entry = self._open.get(event.assoc)
        if entry is not None:
            library.mend_store_request(event.message, event.assoc, entry)

    def _on_store(self, event: Any) -> Dataset:
        """Store what came the library's own way."""
        request = event.request
        context = AcceptedContext(str(event.context.abstract_syntax), str(event.context.transfer_syntax))
        entry = self._open.get(event.assoc)
        claims = {} if entry is None else entry.claims
        said = claims.pop(request.MessageID, Claim(context.abstract_syntax, str(request.AffectedSOPInstanceUID)))
        arrival = self._begin(event.assoc, said, context)
        arrival.write([memoryview(event.encoded_dataset(include_meta=False))])
        return _answer(arrival.finish())

    def _on_report(self, event: Any) -> tuple[int, None]:
        """Take what a destination reports of storage commitment; it comes the library's own way."""
        return (_NO_SUCH_CLASS if self._take_report is None else self._take_report(event)), None

    def _begin(self, association: Association, said: Claim, context: AcceptedContext) -> Arrival:
        entry = self._open.get(association)
        if entry is None:
            return _NobodyHears()
        return self._acceptor.begin(
            StoreRequest(
                sop_class_uid=said.sop_class_uid,
                sop_instance_uid=said.sop_instance_uid,
                negotiated_class_uid=context.abstract_syntax,
                transfer_syntax=context.transfer_syntax,
                association=entry,
            )
        )

    def _on_released(self, event: Any) -> None:
        self._end(event.assoc, AssociationEnding.RELEASED)

    def _on_aborted(self, event: Any) -> None:
        self._end(event.assoc, AssociationEnding.ABORTED)

    def _on_closed(self, event: Any) -> None:
        entry = self._open.get(event.assoc)
        if entry is not None:
            released = entry.release_requested
            self._end(event.assoc, AssociationEnding.RELEASED if released else AssociationEnding.ABORTED)

    def _end(self, association: Association, ending: AssociationEnding) -> None:
        with self._lock:
            entry = self._open.pop(association, None)
        if entry is None:
            return
        entry.end(ending)
        if entry.stored or entry.refused or ending is not AssociationEnding.RELEASED:
            log.info(
                "association ended",
                association=entry.id,
                calling_ae=entry.parties.calling_ae,
                peer=entry.parties.peer_address,
                ending=str(ending),
                stored=entry.stored,
                refused=entry.refused,
            )


class _NobodyHears:
    """The arrival of an instance whose connection has ended meanwhile."""

    def write(self, pieces: Sequence[Any]) -> None:
        """Take nothing."""

    def finish(self) -> Status:
        """Answer nobody."""
        return Status.STOPPING

    def abandon(self) -> None:
        """Nothing is there."""


def _offers_reports(association: Association) -> bool:
    """Whether the requestor would be SCP of storage commitment."""
    role = association.requestor.role_selection.get(UID(COMMITMENT))
    return role is not None and bool(role.scp_role)


def _answer(status: Status) -> Dataset:
    answer = Dataset()
    answer.Status = status.code
    if status.comment:
        answer.ErrorComment = status.comment
    return answer
