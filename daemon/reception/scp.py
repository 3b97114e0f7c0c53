"""The Storage and Verification SCP: the library's associations with our lobby, admission and storage."""

import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_RELEASE

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.sections import DicomSettings, Peer
from hounsfield.daemon.errors import PortUnavailable
from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.reception import library
from hounsfield.daemon.reception.admission import Admission, Rejection
from hounsfield.daemon.reception.associations import Claim, OpenAssociation, Parties
from hounsfield.daemon.reception.contexts import ContextOffer
from hounsfield.daemon.reception.lobby import Door, Lobby
from hounsfield.daemon.reception.messages import AcceptedContext, Arrival
from hounsfield.daemon.reception.reconcile import Reconciliation, reconcile
from hounsfield.daemon.reception.registrar import Registrar
from hounsfield.daemon.reception.status import Status
from hounsfield.daemon.reception.storage_handler import InstanceAcceptor, OwnResults, StoreRequest
from hounsfield.daemon.reception.wire import Command
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.spool import Intake, Spool
from hounsfield.storage.spool_format import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hounsfield.storage.states import AssociationEnding

log = structlog.get_logger("hounsfield.reception")

_HOUSEKEEPING_SECONDS = 1.0
_POLL_SECONDS = 0.02
_POLITE_SECONDS = 1.0
"""At shutdown, how long a peer may take to answer our request to release, or to close after our abort."""
_REGISTER_SECONDS = 5.0
"""At shutdown, how long the last images may take to be registered."""
_NEGOTIATING = 32
"""Associations beyond the most that may be open, which are being accepted, refused or ended."""


class Receiver:
    """Listens, stores, and stops without losing what it has begun. One per process."""

    def __init__(
        self,
        *,
        settings: DicomSettings,
        peers: Sequence[Peer],
        spool: Spool,
        series: SeriesStore,
        jobs: OwnResults,
        clock: Clock,
        hasher: UidHasher,
        name: str,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """``beat`` is called at least once per second while connections are accepted."""
        self._settings = settings
        self._spool = spool
        self._series = series
        self._own_results = jobs
        self._clock = clock
        self._hasher = hasher
        self._name = name
        self._beat = beat
        self._admission = Admission(settings, peers, clock)
        self._offer = ContextOffer(settings.accept)
        self._open: dict[Association, OpenAssociation] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._stop_by = float("inf")
        self._intake: Intake | None = None
        self._registrar: Registrar | None = None
        self._acceptor: InstanceAcceptor | None = None
        self._server: library.ReceivingServer | None = None
        self._lobby: Lobby | None = None
        self._housekeeper = threading.Thread(target=self._keep_house, name="reception-housekeeping", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on; the real one where 0 was configured."""
        if self._server is None:
            raise RuntimeError("the receiver has not been started")
        return int(self._server.server_address[1])

    @property
    def unregistered(self) -> int:
        """How much of what was acknowledged is not in the database yet."""
        return 0 if self._registrar is None else self._registrar.waiting

    def start(self) -> Reconciliation:
        """Bring spool and database to agree, then listen.

        Raises PortUnavailable and StorageError.
        """
        library.prepare_library()
        self._server = self._listen()
        try:
            found = reconcile(self._spool, self._series, self._clock)
            self._intake = self._spool.open_intake(self._name)
        except BaseException:
            self._server.server_close()
            raise
        self._registrar = Registrar(self._series, self._intake, self._clock)
        self._acceptor = InstanceAcceptor(
            settings=self._settings,
            spool=self._spool,
            intake=self._intake,
            registrar=self._registrar,
            own_results=self._own_results,
            clock=self._clock,
            hasher=self._hasher,
        )
        self._lobby = Lobby(
            [Door(self._server.listener, None, self._server.enter)],
            clock=self._clock,
            seconds=self._settings.acse_timeout_seconds,
            most=self._settings.max_waiting_connections,
            has_room=self._has_room,
            beat=self._beat,
        )
        self._registrar.start()
        self._lobby.start()
        self._housekeeper.start()
        log.info("accepting associations", host=self._settings.host, port=self.port, ae=self._settings.ae_title)
        return found

    def _listen(self) -> library.ReceivingServer:
        settings = self._settings
        entity = AE(ae_title=settings.ae_title)
        entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        entity.maximum_pdu_size = settings.max_pdu
        entity.maximum_associations = 2**31  # admission counts
        entity.acse_timeout = settings.acse_timeout_seconds
        entity.dimse_timeout = settings.pdu_timeout_seconds
        entity.network_timeout = settings.network_timeout_seconds
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_ACSE_RECV, self._on_acse),
            (evt.EVT_DIMSE_RECV, self._on_message),
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_RELEASED, self._on_released),
            (evt.EVT_ABORTED, self._on_aborted),
            (evt.EVT_CONN_CLOSE, self._on_closed),
        ]
        conduct = library.Conduct(settings=settings, monotonic=self._clock.monotonic, store=self._begin_store)
        try:
            address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][4]
            return library.ReceivingServer(entity, (str(address[0]), int(address[1])), conduct, handlers)
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise PortUnavailable(f"cannot listen on {where}: {error.strerror or error}") from error

    def _has_room(self) -> bool:
        with self._lock:
            return self._busy() < self._settings.max_associations + _NEGOTIATING

    def _busy(self) -> int:
        assert self._server is not None
        return len(self._server.active_associations)

    def stop(self, seconds: float) -> None:
        """Take no new associations, let those in hand finish what has begun within ``seconds``, end all of them.

        A second call, from another thread, may shorten the time: with 0 all associations are aborted at once.
        """
        self._stop_by = min(self._stop_by, self._clock.monotonic() + seconds)
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._lobby is not None:
            self._lobby.close()
        dismissed: set[Association] = set()
        while self._clock.monotonic() < self._stop_by and (open_now := self._associations()):
            for association, entry in open_now.items():
                busy = entry.is_storing or library.has_message_in_flight(association)
                if association not in dismissed and not busy:
                    dismissed.add(association)
                    self._dismiss(association, entry, library.end_politely)
            self._stopped.wait(_POLL_SECONDS)
        for association, entry in self._associations().items():
            self._dismiss(association, entry, library.abort)
        self._hang_up(self._clock.monotonic() + _POLITE_SECONDS)
        self._stopped.set()
        if self._housekeeper.ident is not None:
            self._housekeeper.join()
        self._sweep()
        self._close_stores()
        log.info("no longer accepting associations")

    def _close_stores(self) -> None:
        if self._registrar is not None and not self._registrar.stop(_REGISTER_SECONDS):
            log.warning("received images are not all registered; they will be at the next start")
        if self._intake is not None:
            self._intake.close()

    def _hang_up(self, end: float) -> None:
        """Let aborts go out until ``end``, then close whatever is still open: also who never said anything."""
        while self._associations() and self._clock.monotonic() < end:
            self._stopped.wait(_POLL_SECONDS)
        while self._server is not None and (left := [a for a in self._server.active_associations if a.dul.is_alive()]):
            for association in left:
                library.hang_up(association)
            self._stopped.wait(_POLL_SECONDS)
            if self._clock.monotonic() > end + _POLITE_SECONDS:
                return

    def _dismiss(
        self, association: Association, entry: OpenAssociation, how: Callable[[Association, float], None]
    ) -> None:
        # The sender may have had more to send: for the series this counts as an abort, however politely it is done.
        entry.end(AssociationEnding.ABORTED)
        entry.is_stopping = True
        threading.Thread(target=how, args=(association, _POLITE_SECONDS), name="reception-end", daemon=True).start()

    def _associations(self) -> dict[Association, OpenAssociation]:
        with self._lock:
            return {a: entry for a, entry in self._open.items() if a.is_alive()}

    def _keep_house(self) -> None:
        while not self._stopped.wait(_HOUSEKEEPING_SECONDS):
            self._sweep()

    def _sweep(self) -> None:
        """End associations whose thread died without an event."""
        with self._lock:
            dead = [association for association in self._open if not association.is_alive()]
        for association in dead:
            self._end(association, AssociationEnding.ABORTED)

    def _end(self, association: Association, ending: AssociationEnding) -> None:
        with self._lock:
            entry = self._open.pop(association, None)
        if entry is None:
            return
        entry.end(ending)
        if entry.stored or entry.refused or ending is not AssociationEnding.RELEASED:
            log.info(
                "association ended",
                calling_ae=entry.parties.calling_ae,
                peer=entry.parties.peer_address,
                ending=str(ending),
                stored=entry.stored,
                refused=entry.refused,
            )

    def _on_requested(self, event: Any) -> None:
        association = event.assoc
        request = association.requestor.primitive
        parties = Parties(
            calling_ae=request.calling_ae_title.strip(" "),
            called_ae=request.called_ae_title.strip(" "),
            peer_address=association.requestor.address,
        )
        with self._lock:
            rejection = self._decide(parties)
            if rejection is None and self._registrar is not None:
                self._open[association] = OpenAssociation(parties, self._name, self._registrar, self._clock)
        if rejection is None:
            wanted = [str(context.abstract_syntax) for context in request.presentation_context_definition_list]
            association.acceptor.supported_contexts = self._offer.of(wanted)
        else:
            log.warning(
                "association refused",
                calling_ae=parties.calling_ae,
                called_ae=parties.called_ae,
                peer=parties.peer_address,
                reason=rejection.words,
            )
            library.reject(association, rejection)

    def _decide(self, parties: Parties) -> Rejection | None:
        if self._stopping.is_set():
            return Rejection.STOPPING
        return self._admission.decide(
            calling_ae=parties.calling_ae,
            called_ae=parties.called_ae,
            address=parties.peer_address,
            open_associations=sum(association.is_alive() for association in self._open),
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

    def _begin_store(self, association: Association, command: Command, context: AcceptedContext) -> Arrival:
        """Begin to store what comes the short way."""
        return self._begin(
            association,
            command.sop_class_uid,
            command.sop_instance_uid,
            context.abstract_syntax,
            context.transfer_syntax,
        )

    def _on_store(self, event: Any) -> Dataset:
        """Store what came the library's own way."""
        request = event.request
        negotiated = str(event.context.abstract_syntax)
        entry = self._open.get(event.assoc)
        claims = {} if entry is None else entry.claims
        said = claims.pop(request.MessageID, Claim(negotiated, str(request.AffectedSOPInstanceUID)))
        arrival = self._begin(
            event.assoc, said.sop_class_uid, said.sop_instance_uid, negotiated, str(event.context.transfer_syntax)
        )
        arrival.write([memoryview(event.encoded_dataset(include_meta=False))])
        return _answer(arrival.finish())

    def _begin(
        self, association: Association, sop_class: str, sop_instance: str, negotiated: str, transfer_syntax: str
    ) -> Arrival:
        entry = self._open.get(association)
        if entry is None or self._acceptor is None:
            return _NobodyHears()
        return self._acceptor.begin(
            StoreRequest(
                sop_class_uid=sop_class,
                sop_instance_uid=sop_instance,
                negotiated_class_uid=negotiated,
                transfer_syntax=transfer_syntax,
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


class _NobodyHears:
    """The arrival of an instance whose connection has ended meanwhile."""

    def write(self, pieces: Sequence[Any]) -> None:
        """Take nothing."""

    def finish(self) -> Status:
        """Answer nobody."""
        return Status.STOPPING

    def abandon(self) -> None:
        """Nothing is there."""


def _answer(status: Status) -> Dataset:
    answer = Dataset()
    answer.Status = status.code
    if status.comment:
        answer.ErrorComment = status.comment
    return answer
