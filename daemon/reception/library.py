"""Where pynetdicom (pinned to 3.0.4) is bent to what a receiver must answer. Everything that is its internals is here,
in short_path.py and in association_socket.py; tests/unit/daemon/reception/test_library_names.py watches the names.

A C-STORE command that the library cannot read makes it abort, or never answer at all. On its own path such commands
are mended just far enough that they reach our handler, which answers them with a status.
"""

import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from pynetdicom import AE, _config
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.transport import AssociationServer, RequestHandler

from hounsfield.daemon.config.reception import DicomSettings
from hounsfield.daemon.reception.admission import Rejection
from hounsfield.daemon.reception.association_socket import BufferedAssociationSocket, Pace
from hounsfield.daemon.reception.associations import Claim, OpenAssociation
from hounsfield.daemon.reception.fingerprints import peer_fingerprint
from hounsfield.daemon.reception.lobby import LONGEST_REQUEST, Visitor
from hounsfield.daemon.reception.short_path import GuardedUpperLayer, ShortPathUpperLayer, StoreService

log = structlog.get_logger("hounsfield.reception")

_PRIORITIES = (0, 1, 2)
_NO_INSTANCE = "0"
"""Stands for an empty SOP Instance UID, which the library would not hand on; the answer echoes it."""
_UNUSED_COMMAND_ELEMENTS = ("MoveOriginatorApplicationEntityTitle", "MoveOriginatorMessageID")
_BACKLOG = 1024
_STUMBLES = (AssertionError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError, struct.error)
"""What the library's decoders raise on bytes that somebody has made up."""


def prepare_library() -> None:
    """Set the library's switches for this process: no texts about data sets, and UIDs are judged by our handler."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.VALIDATORS["UI"] = lambda _: (True, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How associations of a server are run."""

    settings: DicomSettings
    monotonic: Callable[[], float]
    store: StoreService

    @property
    def pace(self) -> Pace:
        """How fast a peer has to be."""
        return Pace(
            stall_seconds=self.settings.pdu_timeout_seconds,
            grace_seconds=self.settings.slow_grace_seconds,
            bytes_per_second=self.settings.min_bytes_per_second,
        )


class ReceivingServer(AssociationServer):
    """The library's server without its accept loop: connections come from the lobby."""

    def __init__(self, entity: AE, address: tuple[str, int], conduct: Conduct, handlers: Sequence[Any]) -> None:
        self.conduct = conduct
        super().__init__(
            entity,
            address,
            conduct.settings.ae_title,
            [],  # they are copied for each association: it gets those it asks for once they are known
            evt_handlers=list(handlers),
            request_handler=_AssociationMaker,
        )

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self.server_address[1])

    @property
    def listener(self) -> socket.socket:
        """The socket that is listened on."""
        assert self.socket is not None
        return self.socket

    def server_bind(self) -> None:
        """Bind; several receivers may share the port."""
        if self.conduct.settings.receivers > 1:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.server_address)
        self.server_address = self.listener.getsockname()

    def server_activate(self) -> None:
        """Listen, with room for a crowd."""
        self.listener.listen(_BACKLOG)

    def enter(self, visitor: Visitor) -> str | None:
        """Make an association of a connection whose request is complete; return why not, if so."""
        if not _can_be_read(visitor.request):
            return "its association request cannot be read"
        try:
            _AssociationMaker(visitor, visitor.address, self)
        except (OSError, RuntimeError):
            return "no descriptors or threads are left"
        return None


def _can_be_read(request: bytes) -> bool:
    """Whether the library can go on with an A-ASSOCIATE-RQ: if not, two threads would be held until a deadline."""
    try:
        pdu = A_ASSOCIATE_RQ()
        pdu.decode(request)
        contexts = pdu.to_primitive().presentation_context_definition_list
    except _STUMBLES:
        return False
    return all(context.abstract_syntax and context.transfer_syntax for context in contexts)


def _run_guarded(association: Association) -> None:
    """Run an association's own thread; whatever the library fails at, the connection ends with it."""
    try:
        Association.run(association)
    except Exception as error:
        log.exception("an association failed in the library", error=type(error).__name__)
    finally:
        if association.dul.is_alive():
            hang_up(association)


class _AssociationMaker(RequestHandler):
    """Gives an association our socket and our upper layer in place of the library's; both before it starts."""

    def __init__(self, visitor: Visitor, address: Any, server: ReceivingServer) -> None:
        self._visitor = visitor
        self._server = server
        super().__init__(visitor.connection, address, server)

    def _create_association(self) -> Association:
        association = super()._create_association()
        conduct = self._server.conduct
        longest = conduct.settings.max_instance_bytes
        upper_layer = (
            ShortPathUpperLayer(association, longest, conduct.store)
            if conduct.settings.short_path
            else GuardedUpperLayer(association, longest)
        )
        association.dul = upper_layer
        association.set_socket(
            BufferedAssociationSocket(
                association,
                self._visitor.connection,
                self._visitor.request,
                pace=conduct.pace,
                longest_pdu=max(conduct.settings.max_pdu_bytes, LONGEST_REQUEST),
                monotonic=conduct.monotonic,
            )
        )
        association.run = partial(_run_guarded, association)  # type: ignore[method-assign]
        association.acse_timeout = association.acse_timeout  # to the timers of the new upper layer
        association.network_timeout = association.network_timeout
        return association


def fingerprint_of(association: Association) -> str | None:
    """Return the fingerprint of the certificate that the peer has shown, None without TLS or without a certificate."""
    wire = association.dul.socket
    connection = None if wire is None else wire.socket
    return peer_fingerprint(connection) if isinstance(connection, ssl.SSLSocket) else None


def mend_store_request(message: Any, association: Association, entry: OpenAssociation) -> None:
    """Fill what is missing in a C-STORE command; called before the library turns it into a request.

    The SOP class becomes the negotiated one, because the library looks up the service by it; what the command said
    is kept in ``entry.claims``.
    """
    if not isinstance(message, C_STORE_RQ):
        return
    command = message.command_set
    for keyword in _UNUSED_COMMAND_ELEMENTS:
        if keyword in command:
            del command[keyword]
    if not isinstance(command.get("MessageID"), int):
        command.MessageID = 0
    if command.get("Priority") not in _PRIORITIES:
        command.Priority = 0
    context = next((cx for cx in association.accepted_contexts if cx.context_id == message.context_id), None)
    if context is None:
        return  # the library aborts: the sender uses a context that was not accepted
    said = Claim(str(command.get("AffectedSOPClassUID") or ""), str(command.get("AffectedSOPInstanceUID") or ""))
    if said.sop_class_uid == context.abstract_syntax and said.sop_instance_uid:
        return
    entry.claims[command.MessageID] = said
    command.AffectedSOPClassUID = context.abstract_syntax
    command.AffectedSOPInstanceUID = said.sop_instance_uid or _NO_INSTANCE


def reject(association: Association, rejection: Rejection) -> None:
    """Answer an association request with A-ASSOCIATE-RJ and end the connection."""
    association.acse.send_reject(*rejection.codes)
    association.is_rejected = True
    association.kill()


def has_message_in_flight(association: Association) -> bool:
    """Whether a message has begun to arrive, or waits to be served."""
    return isinstance(association.dul, GuardedUpperLayer) and association.dul.is_receiving


def end_politely(association: Association, seconds: float) -> None:
    """Ask the peer to release; abort if it has not answered after ``seconds``."""
    association.acse_timeout = seconds
    association.release()


def abort(association: Association, seconds: float) -> None:
    """Tell the peer that this is the end; the library waits ``seconds`` for it to close the connection."""
    association.dul.artim_timer.timeout = seconds
    association.abort()


def hang_up(association: Association) -> None:
    """Close the connection without a word; the library's threads of this association end by it.

    They are no daemon threads: one that waits for a silent peer would keep the process alive.
    """
    wire = association.dul.socket
    if isinstance(wire, BufferedAssociationSocket):
        wire.close()
        wire.wake()
    association.dul.kill_dul()
