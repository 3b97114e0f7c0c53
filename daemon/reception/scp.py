"""The Storage and Verification SCP of one process: built, started, and ended without losing what it has begun."""

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

import structlog
from pynetdicom import AE
from pynetdicom.association import Association

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.reception import DicomSettings, Peer
from hounsfield.daemon.errors import PortUnavailable, TlsUnusable
from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.notify import notify
from hounsfield.daemon.reception import library
from hounsfield.daemon.reception.admission import Admission
from hounsfield.daemon.reception.contexts import ContextOffer
from hounsfield.daemon.reception.desk import Desk, TakeEvent
from hounsfield.daemon.reception.farewell import Farewell
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

log = structlog.get_logger("hounsfield.reception")

_HOUSEKEEPING_SECONDS = 0.5
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a receiver works with."""

    settings: DicomSettings
    peers: Sequence[Peer]
    spool: Spool
    series: SeriesStore
    own_results: OwnResults
    peer_store: PeerStore
    clock: Clock
    hasher: UidHasher
    name: str
    """Identity of the receiver; its part of the spool is named by it."""
    tls: TlsPort | None = None
    take_report: TakeEvent | None = None
    """See :class:`~hounsfield.daemon.reception.desk.Desk`."""
    beat: Callable[[], None] = lambda: None
    """Called at least once per second while we listen."""
    control: ControlStore | None = None
    """Says whether intake is paused."""
    lease: SpoolLease | None = None
    """Of a spool that other hosts write to too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """What there is between start and stop."""

    intake: Intake
    registrar: Registrar
    desk: Desk
    readiness: Readiness
    servers: Sequence[library.ReceivingServer]
    """Of plain DICOM, then of TLS."""
    lobby: Lobby


class Receiver:
    """Listens, stores, and stops. One per process, and for one start."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._gate = IntakeGate(around.control, around.clock)
        self._sightings = SightingBook(around.clock)
        self._tally = ReceptionTally([peer.ae_title for peer in around.peers])
        self._farewell = Farewell(around.clock)
        self._opened: _Opened | None = None
        self._stopped = threading.Event()
        self._housekeeper = threading.Thread(target=self._keep_house, name="reception-housekeeping", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on; the real one where 0 was configured. Once it is started."""
        return self._servers[0].port

    @property
    def tls_port(self) -> int:
        """The port for TLS, likewise."""
        return self._servers[1].port

    @property
    def unregistered(self) -> int:
        """How much of what was acknowledged is not in the database yet."""
        return 0 if self._opened is None else self._opened.registrar.waiting

    def facts(self) -> Facts:
        """Return what was answered since the start, and how things stand, for metrics and pages."""
        opened = self._opened
        return {
            **self._tally.facts(),
            "associations_open": 0 if opened is None else len(opened.desk.living()),
            "unregistered": self.unregistered,
            "listens": opened is not None,
            "refuses": opened is not None and opened.readiness.reason is not None,
        }

    def start(self) -> Reconciliation:
        """Bring spool and database to agree, then listen.

        Raises PortUnavailable and StorageError.
        """
        around = self._around
        library.prepare_library()
        found = reconcile(around.spool, around.series, around.clock)
        with ExitStack() as undo:
            intake = around.spool.open_intake(around.name)
            undo.callback(intake.close)
            if around.lease is not None:
                around.lease.start(partial(take_up, around.spool, around.series, around.clock))
                undo.callback(around.lease.stop)
            self._opened = opened = self._open(intake, undo)
            undo.pop_all()
        opened.registrar.start()
        self._housekeeper.start()
        opened.lobby.start()
        log.info("accepting associations", host=around.settings.host, port=self.port, ae=around.settings.ae_title)
        return found

    def _open(self, intake: Intake, undo: ExitStack) -> _Opened:
        around = self._around
        registrar = Registrar(around.series, intake, around.clock)
        acceptor = self._acceptor(intake, registrar)
        desk = self._desk(acceptor, registrar)
        self._gate.look()  # before anybody can come
        doors = [self._door(desk, undo)]
        if around.tls is not None:
            doors.append(self._tls_door(desk, around.tls, undo))
        return _Opened(
            intake=intake,
            registrar=registrar,
            desk=desk,
            readiness=Readiness(acceptor, self._gate, notify),
            servers=[server for server, _ in doors],
            lobby=self._lobby([door for _, door in doors]),
        )

    def _acceptor(self, intake: Intake, registrar: Registrar) -> InstanceAcceptor:
        around = self._around
        return InstanceAcceptor(
            settings=around.settings,
            spool=around.spool,
            intake=intake,
            registrar=registrar,
            own_results=around.own_results,
            clock=around.clock,
            hasher=around.hasher,
            gate=self._gate,
            tally=self._tally,
            lease=around.lease,
        )

    def _desk(self, acceptor: InstanceAcceptor, registrar: Registrar) -> Desk:
        around = self._around
        return Desk(
            admission=Admission(around.settings, around.peers, around.clock),
            offer=ContextOffer(around.settings.accept),
            sightings=self._sightings,
            acceptor=acceptor,
            registrar=registrar,
            clock=around.clock,
            receiver=around.name,
            take_report=around.take_report,
            gate=self._gate,
            tally=self._tally,
        )

    def _lobby(self, doors: Sequence[Door]) -> Lobby:
        settings = self._around.settings
        return Lobby(
            doors,
            clock=self._around.clock,
            seconds=settings.acse_timeout_seconds,
            most=settings.max_waiting_connections,
            has_room=self._has_room,
            beat=self._beat_while_well,
        )

    def _door(self, desk: Desk, undo: ExitStack) -> tuple[library.ReceivingServer, Door]:
        server = self._listen(desk, self._around.settings.host, self._around.settings.port)
        undo.callback(server.server_close)
        return server, Door(server.listener, None, server.enter)

    def _tls_door(self, desk: Desk, tls: TlsPort, undo: ExitStack) -> tuple[library.ReceivingServer, Door]:
        with suppress(TlsUnusable):  # the log has told; plain DICOM goes on, and TLS too once the files are mended
            tls.context()
        server = self._listen(desk, tls.host, tls.port)
        undo.callback(server.server_close)
        log.info("accepting associations over TLS", host=tls.host, port=server.port)
        return server, Door(server.listener, tls.context, server.enter, tls.explain)

    def _listen(self, desk: Desk, host: str, port: int) -> library.ReceivingServer:
        settings = self._around.settings
        entity = AE(ae_title=settings.ae_title)
        entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        entity.maximum_pdu_size = settings.max_pdu_bytes
        entity.maximum_associations = 2**31  # admission counts
        entity.acse_timeout = settings.acse_timeout_seconds
        entity.dimse_timeout = settings.pdu_timeout_seconds
        entity.network_timeout = settings.network_timeout_seconds
        conduct = library.Conduct(settings=settings, monotonic=self._around.clock.monotonic, store=desk.begin_store)
        try:
            address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4]
            return library.ReceivingServer(entity, (str(address[0]), int(address[1])), conduct, desk.handlers())
        except OSError as error:
            raise PortUnavailable(f"cannot listen on {host}:{port}: {error.strerror or error}") from error

    def _beat_while_well(self) -> None:
        """The lobby calls this. A thread of ours that is gone is as good as a hang: we are started again."""
        if self._opened is not None and self._opened.registrar.is_alive and self._housekeeper.is_alive():
            self._around.beat()

    def _has_room(self) -> bool:
        return len(self._running()) < self._around.settings.max_associations + _NEGOTIATING

    def _running(self) -> list[Association]:
        return [association for server in self._servers for association in server.active_associations]

    @property
    def _servers(self) -> Sequence[library.ReceivingServer]:
        return () if self._opened is None else self._opened.servers

    def stop(self, seconds: float) -> None:
        """Take no new associations, let those in hand finish what has begun within ``seconds``, end all of them.

        Called again, also while it runs, it can only shorten the time.
        """
        if self._farewell.is_first(seconds) and self._opened is not None:
            self._stop(self._opened)

    def _stop(self, opened: _Opened) -> None:
        opened.desk.close()
        opened.lobby.close()
        self._farewell.end(opened.desk, self._running)
        self._stopped.set()
        self._housekeeper.join()
        self._sweep()
        self._close_stores(opened)
        log.info("no longer accepting associations")

    def _close_stores(self, opened: _Opened) -> None:
        if not opened.registrar.stop(_REGISTER_SECONDS):
            log.warning("received images are not all registered; they will be at the next start")
        if self._around.lease is not None:
            self._around.lease.stop()
        opened.intake.close()

    def _keep_house(self) -> None:
        while not self._stopped.wait(_HOUSEKEEPING_SECONDS):
            self._sweep()

    def _sweep(self) -> None:
        if self._opened is None:
            return
        self._opened.desk.sweep()
        self._gate.look()
        self._opened.readiness.look()
        try:
            self._sightings.flush(self._around.peer_store)
        except StorageError:
            log.debug("the list of senders waits for the database")  # it keeps what was noted; the next sweep tries
