"""Where connections wait until they have asked for an association: one thread, no matter how many there are.

A connection costs a descriptor and what it has sent, no thread; only a whole A-ASSOCIATE-RQ goes on to the library.
TLS handshakes happen here too, so that one that hangs hinders nobody. Who says nothing in time is closed; where there
is no more room, whoever has waited longest gives way among those of the address that most wait from: so nobody can
be locked out by silence, and a crowd from one machine only displaces itself.
"""

import errno
import os
import select
import socket
import ssl
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.errors import TlsUnusable
from hounsfield.daemon.reception.wire import (
    A_ASSOCIATE_RQ,
    INVALID_PARAMETER,
    PDU_HEADER,
    UNEXPECTED_PDU,
    UNRECOGNISED_PDU,
    abort_pdu,
)

log = structlog.get_logger("hounsfield.reception")

LONGEST_REQUEST = 128 * 1024
"""Bytes of an A-ASSOCIATE-RQ; one with 128 presentation contexts of many transfer syntaxes has about 20,000."""
_TICK_SECONDS = 0.5
_PAUSE_SECONDS = 0.1
_ACCEPTS_AT_ONCE = 64
_REPORT_SECONDS = 5.0
_MOST_REASONS = 100
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass(frozen=True, slots=True)
class Door:
    """A socket that is listened on."""

    listener: socket.socket
    tls: Callable[[], ssl.SSLContext] | None
    """Returns the context in force, None where connections come in the clear."""
    enter: Callable[["Visitor"], str | None]
    """Takes over a connection whose request is complete, or says why not."""
    explain: Callable[[OSError], str] = str
    """Says for the log why a TLS handshake failed."""


@dataclass(slots=True)
class Visitor:
    """A connection without an association."""

    connection: socket.socket
    descriptor: int
    address: Any
    door: Door
    deadline: float
    tls: ssl.SSLContext | None = None
    """Set until the handshake is over."""
    received: bytearray = field(default_factory=bytearray)

    @property
    def request(self) -> bytes:
        """The whole A-ASSOCIATE-RQ."""
        return bytes(self.received)


class Lobby:
    """Accepts connections and reads their first PDU."""

    def __init__(
        self,
        doors: Sequence[Door],
        *,
        clock: Clock,
        seconds: float,
        most: int,
        has_room: Callable[[], bool],
        beat: Callable[[], None],
    ) -> None:
        """``seconds``: how long a connection may take; ``most``: how many may wait at once.

        ``has_room`` says whether another request can be served now; while it cannot, those that are complete wait
        on. ``beat`` is called at least once per second.
        """
        self._doors = {door.listener.fileno(): door for door in doors}
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._has_room = has_room
        self._beat = beat
        self._visitors: OrderedDict[int, Visitor] = OrderedDict()
        """By descriptor; whoever has waited longest comes first."""
        self._complete: list[Visitor] = []
        self._sent_away: Counter[tuple[str, str]] = Counter()
        """By address and reason, until it is logged."""
        self._report_at = 0.0
        self._epoll = select.epoll()
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reception-lobby", daemon=True)
        self._epoll.register(self._wakeup, select.EPOLLIN)
        for descriptor, door in self._doors.items():
            door.listener.setblocking(False)
            self._epoll.register(descriptor, select.EPOLLIN)

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening and close every connection that still waits."""
        if not self._is_closing.is_set():
            self._is_closing.set()
            os.eventfd_write(self._wakeup, 1)
            self._thread.join()
            os.close(self._wakeup)

    def _run(self) -> None:
        try:
            while not self._is_closing.is_set():
                self._beat()
                for descriptor, _ in self._epoll.poll(self._patience()):
                    if descriptor in self._doors:
                        self._accept(self._doors[descriptor])
                    elif descriptor in self._visitors:
                        self._listen_to(self._visitors[descriptor])
                self._let_in()
                self._send_away_the_late()
                self._report()
        finally:
            self._shut()

    def _patience(self) -> float:
        if self._complete:
            return 0.02  # no room a moment ago
        return _TICK_SECONDS

    def _accept(self, door: Door) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                connection, address = door.listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _OUT_OF_DESCRIPTORS:
                    return  # the peer was gone before we came
                if self._make_room("no descriptors are left"):
                    continue
                self._is_closing.wait(_PAUSE_SECONDS)  # out of everything; the listener would wake us again at once
                return
            self._welcome(door, connection, address)

    def _welcome(self, door: Door, connection: socket.socket, address: Any) -> None:
        try:
            connection.setblocking(False)
            tls = None if door.tls is None else door.tls()
        except (OSError, TlsUnusable):  # it is gone again, or our certificate cannot be used: told by then
            connection.close()
            return
        if len(self._visitors) + len(self._complete) >= self._most:
            self._make_room("dicom.max_waiting_connections are waiting")
        deadline = self._clock.monotonic() + self._seconds
        visitor = Visitor(connection, connection.fileno(), address, door, deadline, tls)
        self._visitors[visitor.descriptor] = visitor
        self._epoll.register(connection, select.EPOLLIN | select.EPOLLRDHUP)
        self._listen_to(visitor)

    def _listen_to(self, visitor: Visitor) -> None:
        """Read what has come; the connection ends here when it is not the beginning of an association request."""
        try:
            if visitor.tls is not None and not self._shake_hands(visitor, visitor.tls):
                self._send_away(visitor)
                return
            while not self._is_complete(visitor):
                data = visitor.connection.recv(self._wanted(visitor))
                if not data:
                    self._send_away(visitor)
                    return
                visitor.received += data
        except (BlockingIOError, ssl.SSLWantReadError):
            self._wait_for(visitor, select.EPOLLIN)
            return
        except ssl.SSLWantWriteError:
            self._wait_for(visitor, select.EPOLLOUT)
            return
        except _Nonsense as nonsense:
            self._abort(visitor, nonsense.reason)
            self._send_away(visitor, str(nonsense))
            return
        except OSError as error:
            is_tls = isinstance(error, ssl.SSLError)
            self._send_away(visitor, f"TLS: {visitor.door.explain(error)}" if is_tls else "")
            return
        self._forget(visitor)
        self._complete.append(visitor)

    def _shake_hands(self, visitor: Visitor, tls: ssl.SSLContext) -> bool:
        """Go on with the handshake; False where there will be none."""
        if not isinstance(visitor.connection, ssl.SSLSocket):
            # Not before a first byte has come: whoever only looks whether somebody listens costs nothing.
            if not visitor.connection.recv(1, socket.MSG_PEEK):
                return False
            try:
                visitor.connection = tls.wrap_socket(
                    visitor.connection, server_side=True, do_handshake_on_connect=False
                )
            except (OSError, ValueError):  # it is gone again
                return False
        visitor.connection.do_handshake()
        visitor.tls = None
        return True

    def _wait_for(self, visitor: Visitor, event: int) -> None:
        self._epoll.modify(visitor.connection, event | select.EPOLLRDHUP)

    def _is_complete(self, visitor: Visitor) -> bool:
        return len(visitor.received) >= PDU_HEADER.size and self._wanted(visitor) == 0

    def _wanted(self, visitor: Visitor) -> int:
        """Return how many bytes are missing; not one more is read, for it belongs to what comes later."""
        received = visitor.received
        if received and received[0] != A_ASSOCIATE_RQ:
            raise _Nonsense("its first PDU is no association request", UNEXPECTED_PDU)
        if len(received) < PDU_HEADER.size:
            return PDU_HEADER.size - len(received)
        _, length = PDU_HEADER.unpack_from(received)
        if length > LONGEST_REQUEST:
            raise _Nonsense("its association request is too long", UNRECOGNISED_PDU)
        return int(PDU_HEADER.size + length - len(received))

    def _let_in(self) -> None:
        while self._complete and self._has_room():
            visitor = self._complete.pop(0)
            refused = visitor.door.enter(visitor)
            if refused is not None:
                self._abort(visitor, INVALID_PARAMETER)
                self._send_away(visitor, refused)

    def _send_away_the_late(self) -> None:
        now = self._clock.monotonic()
        while self._visitors:
            visitor = next(iter(self._visitors.values()))
            if visitor.deadline > now:
                break
            self._send_away(visitor, "it did not ask for an association within dicom.acse_timeout_seconds")
        for visitor in [one for one in self._complete if one.deadline <= now]:
            self._complete.remove(visitor)
            self._send_away(visitor, "no place became free in time")

    def _report(self) -> None:
        """Log who was sent away: a line for many, or a flood of connections would be a flood of lines."""
        now = self._clock.monotonic()
        if not self._sent_away or now < self._report_at:
            return
        for (address, why), count in self._sent_away.items():
            log.info("connections closed", peer=address, reason=why, count=count)
        self._sent_away.clear()
        self._report_at = now + _REPORT_SECONDS

    def _make_room(self, why: str) -> bool:
        """Send one away, if anybody waits: of those from one address first who have not asked yet."""
        waiting = [*self._visitors.values(), *self._complete]
        if not waiting:
            return False
        crowd = Counter(visitor.address[0] for visitor in waiting)
        most = max(crowd.values())
        visitor = next(one for one in waiting if crowd[one.address[0]] == most)
        if visitor in self._complete:
            self._complete.remove(visitor)
        self._send_away(visitor, why)
        return True

    def _abort(self, visitor: Visitor, reason: int) -> None:
        with suppress(OSError):
            visitor.connection.send(abort_pdu(reason))

    def _send_away(self, visitor: Visitor, why: str = "") -> None:
        self._forget(visitor)
        visitor.connection.close()
        told = (visitor.address[0], why)
        if why and (told in self._sent_away or len(self._sent_away) < _MOST_REASONS):
            self._sent_away[told] += 1

    def _forget(self, visitor: Visitor) -> None:
        if self._visitors.pop(visitor.descriptor, None) is not None:
            with suppress(OSError):  # it was closed with the attempt to begin TLS
                self._epoll.unregister(visitor.descriptor)

    def _shut(self) -> None:
        for door in self._doors.values():
            door.listener.close()
        for visitor in [*self._visitors.values(), *self._complete]:
            visitor.connection.close()
        self._visitors.clear()
        self._complete.clear()
        self._epoll.close()


class _Nonsense(Exception):
    """What came is no association request; ``reason`` is that of the A-ABORT."""

    def __init__(self, text: str, reason: int) -> None:
        super().__init__(text)
        self.reason = reason
