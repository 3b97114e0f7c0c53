"""Many connections at once in one thread: they say something, or nothing, or drip, and note when they are ended."""

import os
import selectors
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from support.waiting import wait_until
from support.wire import ASSOCIATE_AC, ASSOCIATE_RJ, ATTACKER

_TICK_SECONDS = 0.02
_AT_ONCE = 64
"""Connections being opened at the same time: a listening socket has a queue, and we test what lies behind it."""


@dataclass(frozen=True, slots=True)
class Script:
    """What each of a crowd does."""

    opening: bytes = b""
    """Said at once."""
    after_answer: bytes | None = None
    """Said when the first answer has come; dripping begins only then."""
    drip: bytes = b""
    """Said again and again."""
    drip_seconds: float = 0.1
    """The pause between two drips."""


@dataclass(slots=True)
class _Member:
    socket: socket.socket
    opened_at: float = 0.0
    answered: bool = False
    next_drip: float | None = None
    outgoing: bytearray = field(default_factory=bytearray)


class Crowd:
    """A context manager: all connections are closed with the block."""

    def __init__(self, port: int, count: int, script: Script, source: str = ATTACKER) -> None:
        self.count = count
        self.opened = 0
        self.accepted = 0
        self.rejected = 0
        self.ended_after: list[float] = []
        """Seconds that each connection lived which the server has ended."""
        self._port = port
        self._source = source
        self._script = script
        self._to_open = count
        self._connecting: set[int] = set()
        self._members: dict[int, _Member] = {}
        self._selector = selectors.DefaultSelector()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="crowd", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for member in self._members.values():
            member.socket.close()
        self._selector.close()

    @property
    def open_now(self) -> int:
        return len(self._members) - len(self._connecting)

    def wait_until_open(self, seconds: float = 20.0) -> None:
        """Wait until every connection has been opened, even if some have been ended since."""
        wait_until(lambda: self.opened == self.count, seconds)

    def is_gone(self) -> bool:
        """Whether the server has ended every connection."""
        return len(self.ended_after) == self.count

    def wait_until_gone(self, seconds: float) -> bool:
        with suppress(AssertionError):
            wait_until(self.is_gone, seconds)
        return self.is_gone()

    @property
    def longest_seconds(self) -> float:
        """How long the connection lived that lived longest; for ever if one still does."""
        return max(self.ended_after) if self.is_gone() else float("inf")

    def _run(self) -> None:
        while not self._stopping.is_set():
            while self._to_open and len(self._connecting) < _AT_ONCE:
                self._open()
            for key, events in self._selector.select(_TICK_SECONDS):
                self._serve(self._members[key.fd], events)
            self._drip()

    def _open(self) -> None:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.bind((self._source, 0))
        connection.connect_ex(("127.0.0.1", self._port))
        self._to_open -= 1
        self._connecting.add(connection.fileno())
        self._members[connection.fileno()] = _Member(connection, outgoing=bytearray(self._script.opening))
        self._selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def _serve(self, member: _Member, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self._write(member)
            if events & selectors.EVENT_READ:
                self._read(member)
        except BlockingIOError:
            return
        except OSError:
            self._ended(member)

    def _write(self, member: _Member) -> None:
        descriptor = member.socket.fileno()
        if descriptor in self._connecting:
            error = member.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))
            self._connecting.discard(descriptor)
            member.opened_at = time.monotonic()
            self.opened += 1
            if self._script.after_answer is None:
                self._begin_dripping(member)
        if member.outgoing:
            del member.outgoing[: member.socket.send(member.outgoing)]
        if not member.outgoing:
            self._selector.modify(member.socket, selectors.EVENT_READ)

    def _read(self, member: _Member) -> None:
        data = member.socket.recv(65536)
        if not data:
            self._ended(member)
            return
        if not member.answered:
            member.answered = True
            self.accepted += data[0] == ASSOCIATE_AC
            self.rejected += data[0] == ASSOCIATE_RJ
            if self._script.after_answer is not None and data[0] == ASSOCIATE_AC:
                self._say(member, self._script.after_answer)
                self._begin_dripping(member)

    def _begin_dripping(self, member: _Member) -> None:
        if self._script.drip:
            member.next_drip = time.monotonic() + self._script.drip_seconds

    def _drip(self) -> None:
        now = time.monotonic()
        for member in list(self._members.values()):
            if member.next_drip is not None and now >= member.next_drip:
                member.next_drip = now + self._script.drip_seconds
                self._say(member, self._script.drip)

    def _say(self, member: _Member, data: bytes) -> None:
        if data:
            member.outgoing += data
            self._selector.modify(member.socket, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def _ended(self, member: _Member) -> None:
        descriptor = member.socket.fileno()
        self._selector.unregister(member.socket)
        del self._members[descriptor]
        if descriptor in self._connecting:  # refused: try again, as an attacker would
            self._connecting.discard(descriptor)
            self._to_open += 1
        else:
            self.ended_after.append(time.monotonic() - member.opened_at)
        member.socket.close()
