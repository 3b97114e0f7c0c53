"""The Storage and Verification SCP of one process: built, started, and ended without losing what it has begun."""

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog
from pynetdicom import AE
from pynetdicom.association import Association

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.sections import DicomSettings, Peer
from hounsfield.daemon.delivery.proof.reports import TakeReport
from hounsfield.daemon.errors import PortUnavailable, TlsUnusable
from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.notify import notify
from hounsfield.daemon.reception import library
from hounsfield.daemon.reception.admission import Admission
from hounsfield.daemon.reception.associations import OpenAssociation
from hounsfield.daemon.reception.contexts import ContextOffer
from hounsfield.daemon.reception.desk import Desk
from hounsfield.daemon.reception.intake_gate import IntakeGate
from hounsfield.daemon.reception.lobby import Door, Lobby
from hounsfield.daemon.reception.readiness import Readiness
from hounsfield.daemon.reception.reconcile import Reconciliation, reconcile, take_up
from hounsfield.daemon.reception.registrar import Registrar
from hounsfield.daemon.reception.sightings import SightingBook
from hounsfield.daemon.reception.spool_lease import SpoolLease
from hounsfield.daemon.reception.storage_handler import InstanceAcceptor, OwnResults
from hounsfield.daemon.reception.tally import ReceptionTally
from hounsfield.storage.components import Facts
from hounsfield.storage.control import ControlStore
from hounsfield.storage.errors import StorageError
from hounsfield.storage.peer_records import PeerStore
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.spool import Intake, Spool
from hounsfield.storage.spool_format import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hounsfield.storage.states import AssociationEnding

log = structlog.get_logger("hounsfield.reception")

_HOUSEKEEPING_SECONDS = 0.5
_POLL_SECONDS = 0.02
_POLITE_SECONDS = 1.0
"""At shutdown, how long a peer may take to answer our request to release, or to close after our abort."""
_REGISTER_SECONDS = 5.0
"""At shutdown, how long the last images may take to be registered."""
_NEGOTIATING = 32
"""Associations beyond the most that may be open, which are being accepted, refused or ended."""


@dataclass(frozen=True, slots=True)
class TlsPort:
    """Where TLS is spoken, and how."""

    host: str
    port: int
    context: Callable[[], ssl.SSLContext]
    """Returns the one in force."""
    explain: Callable[[OSError], str]
    """Says for the log why a handshake failed."""


class Receiver:
    """Listens, stores, and stops. One per process, and for one start."""

    def __init__(
        self,
        *,
        settings: DicomSettings,
        peers: Sequence[Peer],
        spool: Spool,
        series: SeriesStore,
        jobs: OwnResults,
        peer_store: PeerStore,
        clock: Clock,
        hasher: UidHasher,
        name: str,
        tls: TlsPort | None = None,
        take_report: TakeReport | None = None,
        beat: Callable[[], None] = lambda: None,
        control: ControlStore | None = None,
        lease: SpoolLease | None = None,
    ) -> None:
        """``beat`` is called at least once per second while we listen; ``take_report``: see :class:`Desk`.

        ``control`` says whether intake is paused; ``lease`` is that of a spool which other hosts write to too.
        """
        self._lease = lease
        self._settings = settings
        self._peers = peers
        self._spool = spool
        self._series = series
        self._own_results = jobs
        self._peer_store = peer_store
        self._clock = clock
        self._hasher = hasher
        self._name = name
        self._tls = tls
        self._take_report = take_report
        self._beat = beat
        self._gate = IntakeGate(control, clock, notify)
        self._sightings = SightingBook(clock)
        self._tally = ReceptionTally([peer.ae_title for peer in peers])
        self._servers: list[library.ReceivingServer] = []
        self._intake: Intake | None = None
        self._registrar: Registrar | None = None
        self._desk: Desk | None = None
        self._lobby: Lobby | None = None
        self._stop_by: float | None = None
        """Monotonic seconds; set once we are asked to stop."""
        self._stop_lock = threading.Lock()
        self._endings: list[threading.Thread] = []
        self._readiness: Readiness | None = None
        self._stopped = threading.Event()
        self._housekeeper = threading.Thread(target=self._keep_house, name="reception-housekeeping", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on; the real one where 0 was configured."""
        return self._servers[0].port

    @property
    def tls_port(self) -> int:
        """The port for TLS; the real one where 0 was configured."""
        return self._servers[1].port

    @property
    def unregistered(self) -> int:
        """How much of what was acknowledged is not in the database yet."""
        return 0 if self._registrar is None else self._registrar.waiting

    def facts(self) -> Facts:
        """Return what was answered since the start, and how things stand, for metrics and pages."""
        reason = None if self._readiness is None else self._readiness.reason
        return {
            **self._tally.facts(),
            "associations_open": 0 if self._desk is None else len(self._desk.living()),
            "unregistered": self.unregistered,
            "listens": self._readiness is not None,
            "refuses": reason is not None,
        }

    def start(self) -> Reconciliation:
        """Bring spool and database to agree, then listen.

        Raises PortUnavailable and StorageError.
        """
        library.prepare_library()
        found = reconcile(self._spool, self._series, self._clock)
        self._intake = self._spool.open_intake(self._name)
        try:
            if self._lease is not None:
                self._lease.start(partial(take_up, self._spool, self._series, self._clock))
            self._open_desk(self._intake)
        except BaseException:
            for server in self._servers:
                server.server_close()
            self._intake.close()
            raise
        log.info("accepting associations", host=self._settings.host, port=self.port, ae=self._settings.ae_title)
        return found

    def _open_desk(self, intake: Intake) -> None:
        settings, clock = self._settings, self._clock
        registrar = Registrar(self._series, intake, clock)
        acceptor = InstanceAcceptor(
            settings=settings,
            spool=self._spool,
            intake=intake,
            registrar=registrar,
            own_results=self._own_results,
            clock=clock,
            hasher=self._hasher,
            gate=self._gate,
            tally=self._tally,
            lease=self._lease,
        )
        desk = Desk(
            admission=Admission(settings, self._peers, clock),
            offer=ContextOffer(settings.accept),
            sightings=self._sightings,
            acceptor=acceptor,
            registrar=registrar,
            clock=clock,
            receiver=self._name,
            take_report=self._take_report,
            gate=self._gate,
            tally=self._tally,
        )
        self._gate.look()  # before anybody can come
        doors = self._doors(desk)
        self._lobby = Lobby(
            doors,
            clock=clock,
            seconds=settings.acse_timeout_seconds,
            most=settings.max_waiting_connections,
            has_room=self._has_room,
            beat=self._beat_while_well,
        )
        self._registrar, self._desk = registrar, desk
        self._readiness = Readiness(acceptor, notify)
        registrar.start()
        self._housekeeper.start()
        self._lobby.start()

    def _doors(self, desk: Desk) -> list[Door]:
        self._servers.append(self._listen(desk, self._settings.host, self._settings.port))
        doors = [Door(self._servers[0].listener, None, self._servers[0].enter)]
        if self._tls is not None:
            with suppress(TlsUnusable):  # the log has told; plain DICOM goes on, and TLS too once the files are mended
                self._tls.context()
            server = self._listen(desk, self._tls.host, self._tls.port)
            self._servers.append(server)
            doors.append(Door(server.listener, self._tls.context, server.enter, self._tls.explain))
            log.info("accepting associations over TLS", host=self._tls.host, port=server.port)
        return doors

    def _listen(self, desk: Desk, host: str, port: int) -> library.ReceivingServer:
        settings = self._settings
        entity = AE(ae_title=settings.ae_title)
        entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        entity.maximum_pdu_size = settings.max_pdu_bytes
        entity.maximum_associations = 2**31  # admission counts
        entity.acse_timeout = settings.acse_timeout_seconds
        entity.dimse_timeout = settings.pdu_timeout_seconds
        entity.network_timeout = settings.network_timeout_seconds
        conduct = library.Conduct(settings=settings, monotonic=self._clock.monotonic, store=desk.begin_store)
        try:
            address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4]
            return library.ReceivingServer(entity, (str(address[0]), int(address[1])), conduct, desk.handlers())
        except OSError as error:
            raise PortUnavailable(f"cannot listen on {host}:{port}: {error.strerror or error}") from error

    def _beat_while_well(self) -> None:
        """The lobby calls this. A thread of ours that is gone is as good as a hang: we are started again."""
        if self._registrar is not None and self._registrar.is_alive and self._housekeeper.is_alive():
            self._beat()

    def _has_room(self) -> bool:
        return len(self._running()) < self._settings.max_associations + _NEGOTIATING

    def _running(self) -> list[Association]:
        return [association for server in self._servers for association in server.active_associations]

    def stop(self, seconds: float) -> None:
        """Take no new associations, let those in hand finish what has begun within ``seconds``, end all of them.

        Called again, also while it runs, it can only shorten the time.
        """
        with self._stop_lock:
            is_first = self._stop_by is None
            by = self._clock.monotonic() + seconds
            self._stop_by = by if self._stop_by is None else min(self._stop_by, by)
        if is_first and self._desk is not None and self._lobby is not None:
            self._stop(self._desk, self._lobby)

    def _stop(self, desk: Desk, lobby: Lobby) -> None:
        desk.close()
        lobby.close()
        self._finish(desk)
        for association, entry in desk.living().items():
            self._dismiss(association, entry, library.abort)
        self._hang_up(desk, self._clock.monotonic() + _POLITE_SECONDS)
        for ending in self._endings:
            ending.join(_POLITE_SECONDS)
        self._stopped.set()
        self._housekeeper.join()
        self._sweep()
        self._close_stores()
        log.info("no longer accepting associations")

    def _finish(self, desk: Desk) -> None:
        dismissed: set[Association] = set()
        while not self._time_is_over() and (living := desk.living()):
            for association, entry in living.items():
                busy = library.has_message_in_flight(association) or entry.is_storing  # in this order
                if association not in dismissed and not busy:
                    dismissed.add(association)
                    self._dismiss(association, entry, library.end_politely)
            self._stopped.wait(_POLL_SECONDS)

    def _time_is_over(self) -> bool:
        with self._stop_lock:
            return self._stop_by is not None and self._clock.monotonic() >= self._stop_by

    def _dismiss(
        self, association: Association, entry: OpenAssociation, how: Callable[[Association, float], None]
    ) -> None:
        # The sender may have had more to send: for the series this counts as an abort, however politely it is done.
        entry.end(AssociationEnding.ABORTED)
        entry.is_stopping = True
        ending = threading.Thread(target=how, args=(association, _POLITE_SECONDS), name="reception-end", daemon=True)
        ending.start()
        self._endings.append(ending)

    def _hang_up(self, desk: Desk, end: float) -> None:
        """Let aborts go out until ``end``, then close whatever is still open: also who never said anything."""
        while desk.living() and self._clock.monotonic() < end:
            self._stopped.wait(_POLL_SECONDS)
        while left := [association for association in self._running() if association.dul.is_alive()]:
            for association in left:
                library.hang_up(association)
            self._stopped.wait(_POLL_SECONDS)
            if self._clock.monotonic() > end + _POLITE_SECONDS:
                return

    def _close_stores(self) -> None:
        if self._registrar is not None and not self._registrar.stop(_REGISTER_SECONDS):
            log.warning("received images are not all registered; they will be at the next start")
        if self._lease is not None:
            self._lease.stop()
        if self._intake is not None:
            self._intake.close()

    def _keep_house(self) -> None:
        while not self._stopped.wait(_HOUSEKEEPING_SECONDS):
            self._sweep()

    def _sweep(self) -> None:
        if self._desk is not None:
            self._desk.sweep()
        self._gate.look()
        if self._readiness is not None:
            self._readiness.look()
        try:
            self._sightings.flush(self._peer_store)
        except StorageError:
            log.debug("the list of senders waits for the database")  # it keeps what was noted; the next sweep tries
