"""One association from its first step to its last, and why there is none; within bounds.

The library's time-outs are for single steps, and it reads PDUs of any length. So it is given a socket that keeps to a
deadline and reads so many bytes and no more; whatever it waits for ends with that.
"""

import math
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum, StrEnum
from typing import Any

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from hounsfield.daemon.association.address import Address
from hounsfield.daemon.association.entity import quiet_library, requesting_entity
from hounsfield.daemon.association.reactor import contain, requested

MOST_BYTES = 256 * 1024
"""Of all that a peer sends us on one association: responses are short."""
LONGEST_PDU = 16384
STUMBLES = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What the library raises where the association has just ended, or on values that somebody has made up."""
_REJECTED_TRANSIENT = 2
"""Result of A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
_IDLE, _AWAITS_CLOSE = "Sta1", "Sta13"
"""States of the upper layer (PS3.8 9.2.1) in which an association is over: the one if the peer ended it."""
_MOST_MESSAGES = 1000
_FAREWELL_SECONDS = 3.0
"""For the answer to our release: some archives take what was sent for good only then."""
_CLEARING_SECONDS = 0.5


class Failure(StrEnum):
    """Why objects did not get an answer of their own."""

    UNREACHABLE = "unreachable"
    """No connection, or no answer to the association request in time."""
    BUSY = "busy"
    """The association was rejected for now (PS3.8 9.3.4: rejected-transient)."""
    REJECTED = "rejected"
    """The association was rejected for good: an AE title is not known there."""
    NOT_ACCEPTED = "not-accepted"
    """The peer does not take the SOP class, or not in Explicit VR Little Endian."""
    BROKEN_OFF = "broken-off"
    """The association was accepted, and then it ended, or went silent, or said what no peer should."""
    NO_ADDRESS = "no-address"
    """Where the objects go cannot be said."""


class Ending(Enum):
    """How an association, or the attempt at one, came to an end that we did not want."""

    NO_CONNECTION = "no connection"
    TOO_SLOW = "its time was over"
    BY_PEER = "the peer ended it"
    BROKEN_PROTOCOL = "the peer said what no peer should"


class NoAssociation(Exception):
    """The peer did not accept an association."""

    def __init__(self, failure: Failure, ending: Ending) -> None:
        self.failure = failure
        self.ending = ending
        super().__init__(str(failure))


class Line(socket.socket):
    """A connection that can be read until a deadline, and for so many bytes."""

    def __init__(self, connection: socket.socket, left: Callable[[], float]) -> None:
        super().__init__(fileno=connection.detach())
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._left = left
        self._received = 0

    @property
    def is_flooded(self) -> bool:
        """Whether the peer sends more than anybody needs."""
        return self._received > MOST_BYTES

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Read until the deadline; raise TimeoutError then, and once there is too much."""
        left = self._left()
        if not left or self.is_flooded:
            raise TimeoutError
        self.settimeout(left)
        # Peers answer in pieces, and many wait with the second one until the first is acknowledged.
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        data = super().recv(bufsize, flags)
        self._received += len(data)
        return data

    def send(self, data: Any, flags: int = 0, /) -> int:
        """Write until the deadline."""
        self.settimeout(self._left())  # after the deadline: an abort still goes out, if it need not wait
        return super().send(data, flags)


class Link:
    """An association that we requested, from its first step to its last. Used by one thread."""

    association: Association

    def __init__(
        self, address: Address, within_seconds: float, farewell_seconds: float, monotonic: Callable[[], float]
    ) -> None:
        self._address = address
        self._farewell_seconds = farewell_seconds
        self._monotonic = monotonic
        self._over_at = monotonic() + within_seconds
        self._deadline = self._over_at
        self._line: Line | None = None
        self._ended_in: str | None = None
        self._answers: deque[tuple[int | None, str | None]] = deque(maxlen=_MOST_MESSAGES)
        self._is_broken = False

    def allow(self, seconds: float | None = None) -> None:
        """Give the next step so many seconds from now, ``dimse_timeout_seconds`` by default, if there are so many."""
        step = self._address.dimse_timeout_seconds if seconds is None else seconds
        self._deadline = min(self._monotonic() + step, self._over_at)
        self.association.dimse_timeout = self.left()

    def left(self) -> float:
        """Return the seconds that are left; 0.0 when it is over."""
        return max(0.0, self._deadline - self._monotonic())

    @property
    def accepted(self) -> frozenset[tuple[str, str]]:
        """Abstract and transfer syntaxes of the accepted contexts."""
        return frozenset(
            (str(context.abstract_syntax), str(context.transfer_syntax[0]))
            for context in self.association.accepted_contexts
        )

    def has_answered(self, message_id: int, sop_instance_uid: str | None = None) -> bool:
        """Whether the next response is about this request (PS3.7 9.3.1.2); the instance it may leave out.

        To be called once after each response is taken.
        """
        answered_id, uid = self._answers.popleft() if self._answers else (None, None)
        return answered_id == message_id and (not uid or sop_instance_uid is None or uid == sop_instance_uid)

    def break_off(self) -> None:
        """End it by an abort: nothing that the peer says here is believed any more."""
        self._is_broken = True

    def ending(self) -> Ending:
        """Return how it came to its end; to be asked once it is over."""
        if self._line is not None and self._line.is_flooded:
            return Ending.BROKEN_PROTOCOL
        if self._monotonic() >= self._over_at:
            return Ending.TOO_SLOW
        if self._line is None:
            return Ending.NO_CONNECTION
        return Ending.BY_PEER if self._ended_in == _IDLE else Ending.BROKEN_PROTOCOL

    def open(self, contexts: Sequence[PresentationContext], handlers: Sequence[Any]) -> None:
        """Request the association; raise :class:`NoAssociation`."""
        address = self._address
        ae = requesting_entity(address.calling_ae)
        ae.connection_timeout = address.connect_timeout_seconds
        ae.acse_timeout = address.acse_timeout_seconds
        ae.dimse_timeout = ae.network_timeout = address.dimse_timeout_seconds
        mine = [
            (evt.EVT_CONN_OPEN, self._on_connected),
            (evt.EVT_DIMSE_RECV, self._on_message),
            (evt.EVT_FSM_TRANSITION, self._on_transition),
        ]
        try:
            self.association = requested(
                ae,
                address.host,
                address.port,
                contexts=list(contexts),
                ae_title=address.ae_title,
                max_pdu=LONGEST_PDU,
                evt_handlers=[*mine, *handlers],
            )
        except OSError:  # the name of the host means nothing here (now)
            raise NoAssociation(Failure.UNREACHABLE, Ending.NO_CONNECTION) from None
        if not self.association.is_established:
            self._clear_up()
            raise NoAssociation(self._why_none(), self.ending())
        self.allow()

    def end(self) -> None:
        """Release or abort, and leave no connection and no thread. What is known is known: nothing here counts."""
        self.allow(self._farewell_seconds)
        self.association.acse_timeout = self.left()
        with suppress(*STUMBLES):
            if self.association.is_established and not self._is_broken:
                self.association.release()
            elif self.association.is_established:
                self.association.abort(block=True)
        self._clear_up()

    def _clear_up(self) -> None:
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads
            self.association.dul.join(_CLEARING_SECONDS)
            self._line.close()

    def _on_connected(self, event: evt.Event) -> None:
        """Put our socket in the place of the library's; nothing was sent yet."""
        wire = event.assoc.dul.socket
        assert wire is not None
        assert wire.socket is not None
        self.association = event.assoc
        contain(self.association)
        self.allow(self._address.acse_timeout_seconds)
        self.association.acse_timeout = self.left()
        wire.socket = self._line = Line(wire.socket, self.left)

    def _on_transition(self, event: evt.Event) -> None:
        """See who ends the association."""
        if self._ended_in is None and event.next_state in (_IDLE, _AWAITS_CLOSE):
            self._ended_in = event.next_state

    def _on_message(self, event: evt.Event) -> None:
        """Note what a response is about: the library takes any for the one it waits for."""
        command = event.message.command_set
        if "MessageIDBeingRespondedTo" in command:
            self._answers.append((command.MessageIDBeingRespondedTo, command.get("AffectedSOPInstanceUID")))

    def _why_none(self) -> Failure:
        answer = self.association.acceptor.primitive
        if self.association.is_rejected:
            is_transient = answer is not None and answer.result == _REJECTED_TRANSIENT
            return Failure.BUSY if is_transient else Failure.REJECTED
        if answer is not None and answer.result == 0 and not self.association.accepted_contexts:
            return Failure.NOT_ACCEPTED
        return Failure.UNREACHABLE


@contextmanager
def associated(
    address: Address,
    contexts: Sequence[PresentationContext],
    *,
    handlers: Sequence[Any] = (),
    within_seconds: float = math.inf,
    farewell_seconds: float = _FAREWELL_SECONDS,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Link]:
    """Give an association on these contexts, released with the block; raise :class:`NoAssociation`.

    ``handlers`` are those of pynetdicom. It comes about within ``connect_timeout_seconds`` and
    ``acse_timeout_seconds``, save for looking up the host's name; each step in the block is to be preceded by
    :meth:`Link.allow`. All of it ends by ``within_seconds``, save for a fraction of a second to clear up.
    ``farewell_seconds``: for the answer to our release.
    """
    quiet_library()
    link = Link(address, within_seconds, farewell_seconds, monotonic)
    link.open(contexts, handlers)
    try:
        yield link
    except BaseException:
        link.break_off()
        raise
    finally:
        link.end()
