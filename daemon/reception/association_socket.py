"""The socket of an association: one buffer, poll instead of select, and a deadline for everything that waits.

Both ways of reading use it: the short path in place, the library's own through ``recv``.
"""

import mmap
import os
import select
import socket
import ssl
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

BUFFER_BYTES = 1024 * 1024
"""Address space; a page of it takes memory only once bytes have arrived in it."""
_EVENTS = select.POLLIN | select.POLLHUP | select.POLLERR
_FEW = 1
"""Messages of the library's own path that may wait before no more is read."""


class TooSlow(OSError):
    """The peer does not keep to a deadline, or to the minimum rate."""


class TooLong(OSError):
    """The peer announces more than it may send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a peer has to be while something that it has begun is not complete."""

    stall_seconds: float
    """Longest silence."""
    grace_seconds: float
    """How long it may be slower than the minimum rate."""
    bytes_per_second: float
    """The minimum rate, on average since it began."""


class Progress:
    """Watches one thing that has begun, a PDU or a message, by a monotonic clock."""

    def __init__(self, pace: Pace, monotonic: Callable[[], float]) -> None:
        self._pace = pace
        self._monotonic = monotonic
        self._began = self._last = 0.0
        self._bytes = 0
        self.is_running = False
        """Whether something is begun."""

    def moved(self, count: int) -> None:
        """So many bytes came of what is begun, or just begins."""
        now = self._monotonic()
        if not self.is_running:
            self.is_running, self._began, self._bytes = True, now, 0
        self._last = now
        self._bytes += count

    def begin(self, count: int) -> None:
        """Something is begun, of which so many bytes have come; nothing changes if that is known."""
        if not self.is_running:
            self.moved(count)

    def rest(self) -> None:
        """Nothing is begun any more."""
        self.is_running = False

    def seconds_left(self) -> float | None:
        """Return how long more bytes may take to come, None if nothing has begun. Raise :class:`TooSlow`."""
        if not self.is_running:
            return None
        now = self._monotonic()
        due = min(
            self._last + self._pace.stall_seconds,
            self._began + max(self._pace.grace_seconds, self._bytes / self._pace.bytes_per_second),
        )
        if now > due:
            raise TooSlow("the peer sends nothing (dicom.pdu_timeout_seconds), or too slowly (min_bytes_per_second)")
        return due - now


class BufferedAssociationSocket(AssociationSocket):
    """Reads whatever has arrived into one buffer; writes whole PDUs, or gives up."""

    def __init__(
        self,
        association: Association,
        connection: socket.socket,
        first_bytes: bytes,
        *,
        pace: Pace,
        longest_pdu: int,
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__(association, client_socket=connection)
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = mmap.mmap(-1, BUFFER_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.view = memoryview(self.buffer)
        self.view[: len(first_bytes)] = first_bytes
        self.start, self.end = 0, len(first_bytes)
        """What is in the buffer and not yet consumed."""
        self._is_filling = False
        self.progress = Progress(pace, monotonic)
        self._pace = pace
        self._longest_pdu = longest_pdu
        self._monotonic = monotonic
        self._opened = connection
        self._is_tls = isinstance(connection, ssl.SSLSocket)
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._close_wakeup = weakref.finalize(self, os.close, self._wakeup)  # also where no thread could be started
        self._wakeup_lock = threading.Lock()
        """Or another thread could write to a descriptor that was just closed, and is something else by now."""
        self._poll = select.poll()
        self._poll.register(connection, _EVENTS)
        self._poll.register(self._wakeup, select.POLLIN)

    def wake(self) -> None:
        """End a :meth:`wait` in another thread."""
        with self._wakeup_lock:
            if self._wakeup >= 0:
                os.eventfd_write(self._wakeup, 1)

    def wait(self, seconds: float) -> None:
        """Sleep until something arrives, somebody wakes us, or the time is over."""
        for descriptor, _ in self._poll.poll(max(0.0, seconds) * 1000):
            if descriptor == self._wakeup:
                os.eventfd_read(self._wakeup)

    @property
    def has_unread(self) -> bool:
        """Whether something has come that is not consumed; for any thread."""
        descriptor = self._opened.fileno()
        if descriptor < 0:
            return False
        look = select.poll()
        look.register(descriptor, select.POLLIN)
        # In this order, which is that of the bytes: none can slip past on its way.
        return bool(look.poll(0)) or self._is_filling or self.start < self.end

    @property
    def has_room(self) -> bool:
        """Whether more can be read into the buffer."""
        return self.end < BUFFER_BYTES

    def compact(self) -> None:
        """Move what is not consumed to the front; only while nobody holds pieces of the buffer."""
        if self.start:
            rest = self.end - self.start
            if rest:
                self.buffer.move(0, self.start, rest)
            self.start, self.end = 0, rest

    def fill(self) -> int | None:
        """Read what has arrived: how many bytes, 0 when the peer has closed, None when there is nothing yet.

        Raises OSError.
        """
        connection = self._connection()
        self._is_filling = True
        try:
            count = connection.recv_into(self.view[self.end :])
            # Or our acknowledgement waits 40 ms while the Nagle algorithm of a stock sender waits for it.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            self.end += count
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except ssl.SSLEOFError:
            return 0
        finally:
            self._is_filling = False
        return count

    def _connection(self) -> socket.socket:
        if self.socket is None:
            raise OSError("the connection is closed")
        return self.socket

    @property
    def ready(self) -> bool:
        """Whether ``recv`` has something to do; the library asks every millisecond."""
        if self.socket is None or not self._is_connected:
            return False
        if self._assoc.dimse.msg_queue.qsize() >= _FEW:
            return False  # the peer waits while we are busy with what it sent before
        if self.start < self.end:
            return True
        if self._is_tls and isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        return any(descriptor != self._wakeup for descriptor, _ in self._poll.poll(0))

    def recv(self, nr_bytes: int) -> bytearray:
        """Return so many bytes, fewer if the peer closes; blocks. Raise TooLong or TooSlow.

        What is begun with them may go on behind them: the caller says when it is over (``progress.rest``).
        """
        if nr_bytes > self._longest_pdu:
            raise TooLong("a PDU is longer than was agreed")
        data = bytearray()
        self.progress.moved(0)
        while True:
            stop = min(self.end, self.start + nr_bytes - len(data))
            data += self.view[self.start : stop]
            self.progress.moved(stop - self.start)
            self.start = stop
            if len(data) == nr_bytes:
                break
            self.compact()
            count = self.fill()
            if count == 0:
                break
            if count is None:
                self.wait(self.progress.seconds_left() or 0.0)
        return data

    def send(self, bytestream: bytes) -> None:
        """Send all of it, or end the connection (Evt17) when the peer does not read."""
        try:
            self.send_all(bytestream)
        except OSError:
            self.event_queue.put("Evt17")

    def send_all(self, data: bytes) -> None:
        """Send all of it. Raise OSError when the peer does not read, or is gone: part of it may be sent then."""
        rest = memoryview(data)
        connection = self._connection()
        deadline = self._monotonic() + self._pace.stall_seconds
        while rest:
            try:
                rest = rest[connection.send(rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                left = deadline - self._monotonic()
                if left <= 0:
                    raise TooSlow("the peer does not read our answers") from None
                writable = select.poll()
                writable.register(connection, select.POLLOUT)
                writable.poll(left * 1000)

    def dispose(self) -> None:
        """Give back what the connection held; the last call of the thread that reads."""
        with self._wakeup_lock:
            self._wakeup = -1
            self._close_wakeup()
        self._shutdown_socket()
        self._opened.close()
        self.view.release()
        self.buffer.close()

    def _shutdown_socket(self) -> None:
        """End the connection, in any thread. Its descriptor stays ours until ``dispose``.

        Or the thread that reads could find another connection under its number.
        """
        with suppress(OSError):  # the peer was faster, or it is closed already
            socket.socket.shutdown(self._opened, socket.SHUT_RDWR)
