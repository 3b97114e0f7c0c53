"""The Storage and Verification SCP: pynetdicom's server with our admission and our handler."""

import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import structlog
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_RELEASE
from pynetdicom.transport import ThreadedAssociationServer

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.sections import DicomSettings, Peer
from hounsfield.daemon.errors import PortUnavailable
from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.reception import library
from hounsfield.daemon.reception.admission import Admission, Rejection
from hounsfield.daemon.reception.associations import Claim, OpenAssociation, Parties
from hounsfield.daemon.reception.contexts import contexts
from hounsfield.daemon.reception.reconcile import Reconciliation, reconcile
from hounsfield.daemon.reception.status import Status
from hounsfield.daemon.reception.storage_handler import InboundInstance, InstanceAcceptor, OwnResults
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.spool import Spool
from hounsfield.storage.spool_format import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hounsfield.storage.states import AssociationEnding

log = structlog.get_logger("hounsfield.reception")

_BACKLOG = 128
_HOUSEKEEPING_SECONDS = 1.0
_POLL_SECONDS = 0.02
_POLITE_SECONDS = 1.0
"""At shutdown, how long a peer may take to answer our request to release, or to close after our abort."""


class _SharingServer(ThreadedAssociationServer):
    """Listens on a port beside other receivers of this service; the kernel spreads the connections."""

    def server_bind(self) -> None:
        """Bind as the library does, sharing the port."""
        cast(socket.socket, self.socket).setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


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
        """``beat`` is called at least once per second as long as this receiver turns."""
        self._beat = beat
        self._settings = settings
        self._spool = spool
        self._series = series
        self._clock = clock
        self._name = name
        self._admission = Admission(settings, peers, clock)
        self._acceptor = InstanceAcceptor(
            settings=settings, spool=spool, series=series, own_results=jobs, clock=clock, hasher=hasher
        )
        self._open: dict[Association, OpenAssociation] = {}
        self._unsaved: list[OpenAssociation] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._stop_by = float("inf")
        self._server: ThreadedAssociationServer | None = None
        self._housekeeper = threading.Thread(target=self._keep_house, name="reception-housekeeping", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on; the real one where 0 was configured."""
        if self._server is None:
            raise RuntimeError("the receiver has not been started")
        return int(self._server.server_address[1])

    def start(self) -> Reconciliation:
        """Bring spool and database to agree, then listen.

        Raises PortUnavailable and StorageError.
        """
        library.prepare_library()
        found = reconcile(self._spool, self._series, self._name, self._clock)
        self._server = self._listen()
        listener = cast(socket.socket, self._server.socket)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        listener.listen(_BACKLOG)
        self._housekeeper.start()
        log.info("accepting associations", host=self._settings.host, port=self.port, ae=self._settings.ae_title)
        return found

    def _listen(self) -> ThreadedAssociationServer:
        settings = self._settings
        entity = AE(ae_title=settings.ae_title)
        entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        entity.maximum_pdu_size = settings.max_pdu
        entity.maximum_associations = 10 * settings.max_associations  # admission counts; this counts connections too
        entity.acse_timeout = settings.acse_timeout_seconds
        entity.dimse_timeout = settings.dimse_timeout_seconds
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
        try:
            address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][4]
            server = entity.make_server(
                (str(address[0]), int(address[1])),
                evt_handlers=handlers,
                contexts=contexts(settings.accept),
                server_class=_SharingServer if settings.receivers > 1 else ThreadedAssociationServer,
            )
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise PortUnavailable(f"cannot listen on {where}: {error.strerror or error}") from error
        entity._servers.append(server)  # its shutdown takes it out again
        threading.Thread(target=server.serve_forever, name="reception-accept", daemon=True).start()
        return server

    def stop(self, deadline: float) -> None:
        """Stop listening, finish what is being received, end every association; at most ``deadline`` seconds.

        A message that has begun is stored and answered; whatever comes after it is refused. A second call, from another
        thread, may shorten the deadline: with 0 all associations are aborted at once.
        """
        self._stop_by = min(self._stop_by, self._clock.monotonic() + deadline)
        if self._server is None or self._stopping.is_set():
            return
        self._stopping.set()
        self._server.shutdown()
        asked: set[Association] = set()
        while self._associations() and self._clock.monotonic() < self._stop_by:
            for association, entry in self._associations().items():
                is_busy = entry.is_storing or library.has_message_in_flight(association)
                if association not in asked and association.is_established and not is_busy:
                    asked.add(association)
                    self._dismiss(association, entry, library.end_politely)
            self._stopped.wait(_POLL_SECONDS)
        for association, entry in self._associations().items():
            self._dismiss(association, entry, library.abort)
        self._hang_up(self._clock.monotonic() + _POLITE_SECONDS)
        self._stopped.set()
        self._housekeeper.join()
        self._sweep()
        log.info("no longer accepting associations")

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
        threading.Thread(target=how, args=(association, _POLITE_SECONDS), name="reception-end", daemon=True).start()

    def _associations(self) -> dict[Association, OpenAssociation]:
        with self._lock:
            return {a: entry for a, entry in self._open.items() if a.is_alive()}

    def _keep_house(self) -> None:
        while not self._stopped.wait(_HOUSEKEEPING_SECONDS):
            self._beat()
            self._sweep()

    def _sweep(self) -> None:
        """End associations whose thread died without an event, and save endings the database did not take."""
        with self._lock:
            dead = [association for association in self._open if not association.is_alive()]
        for association in dead:
            self._end(association, AssociationEnding.ABORTED)
        with self._lock:
            waiting, self._unsaved = self._unsaved, []
        still = [entry for entry in waiting if not entry.save_ending()]
        with self._lock:
            self._unsaved += still

    def _end(self, association: Association, ending: AssociationEnding) -> None:
        with self._lock:
            entry = self._open.pop(association, None)
        if entry is None:
            return
        entry.end(ending)
        if not entry.save_ending():
            with self._lock:
                self._unsaved.append(entry)
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
            if rejection is None:
                self._open[association] = OpenAssociation(parties, self._name, self._series, self._clock)
        if rejection is not None:
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

    def _on_store(self, event: Any) -> Dataset:
        association = event.assoc
        entry = self._open.get(association)
        if entry is None:  # the connection has ended meanwhile; nobody hears the answer
            return _answer(Status.STOPPING)
        entry.is_storing = True
        try:
            return _answer(self._store(event, entry))
        finally:
            entry.is_storing = False

    def _store(self, event: Any, entry: OpenAssociation) -> Status:
        request = event.request
        negotiated = str(event.context.abstract_syntax)
        said = entry.claims.pop(request.MessageID, Claim(negotiated, str(request.AffectedSOPInstanceUID)))
        return self._acceptor.accept_instance(
            InboundInstance(
                sop_class_uid=said.sop_class_uid,
                sop_instance_uid=said.sop_instance_uid,
                negotiated_class_uid=negotiated,
                transfer_syntax=str(event.context.transfer_syntax),
                association=entry,
                data=event.encoded_dataset(include_meta=False),
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


def _answer(status: Status) -> Dataset:
    answer = Dataset()
    answer.Status = status.code
    if status.comment:
        answer.ErrorComment = status.comment
    return answer
