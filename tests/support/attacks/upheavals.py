"""What happens to a server's process as a whole: SIGTERM in flight, a wall clock that steps, a disk that is full."""

import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass

from support.attacks.stores import image
from support.receiver_process import ServerProcess
from support.waiting import wait_until
from support.wire import (
    ALLOWED,
    P_DATA,
    RELEASE_RQ,
    Closed,
    Connection,
    associate_rq,
    connected,
    new_uid,
    release_rp,
    status_of,
    store_pdus,
)

_HONEST = associate_rq()


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a server stopped that got SIGTERM while an image was on its way."""

    idle_farewell: int | None
    """PDU type by which an idle association was ended; None if it was just cut."""
    status: int | None
    """What the sender in flight was answered; None if it was cut."""
    busy_farewell: int | None
    exit_status: int
    seconds: float

    def __str__(self) -> str:
        answer = "cut off" if self.status is None else f"answered {self.status:04X}"
        return f"in flight {answer}, exit {self.exit_status} after {self.seconds:.1f} s"


def sigterm_in_flight(server: ServerProcess, data: bytes, instance: str) -> Stopped:
    """Send half an image, then SIGTERM, then the other half; an idle association and a silent connection look on."""
    pdus = store_pdus(data, instance, fragment=16000)
    half = len(pdus) // 2
    with (
        connected(server.port) as idle,
        connected(server.port, ALLOWED) as busy,
        connected(server.port),
    ):
        idle.associate(_HONEST)
        busy.associate(_HONEST)
        busy.send(b"".join(pdus[:half]))
        begun = time.monotonic()
        server.send_signal(signal.SIGTERM)
        idle_farewell = _farewell(idle)
        status = busy_farewell = None
        with suppress(Closed, OSError):
            busy.send(b"".join(pdus[half:]))
            kind, body = busy.receive()
            if kind == P_DATA:
                status = status_of(body)
                busy_farewell = _farewell(busy)
        try:
            exit_status = server.wait(25)
        except subprocess.TimeoutExpired:
            exit_status = -signal.SIGKILL
        return Stopped(idle_farewell, status, busy_farewell, exit_status, time.monotonic() - begun)


def _farewell(connection: Connection) -> int | None:
    """Take the server's wish to end the association, and agree; return what PDU it was."""
    with suppress(Closed, OSError):
        kind, _ = connection.receive()
        if kind == RELEASE_RQ:
            connection.send(release_rp())
        return kind
    return None


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a server did while its wall clock stepped forward by hours, then back (:mod:`support.launcher`)."""

    idle_goes_on: bool
    silence_ends: bool
    stall_ends: bool

    def __str__(self) -> str:
        forward = "goes on" if self.idle_goes_on else "aborted"
        back = "kept" if self.silence_ends and self.stall_ends else "lost"
        return f"forward: an idle association {forward}; back: deadlines {back}"


def step_clock(server: ServerProcess, *, look_seconds: float, deadline_seconds: float) -> Stepped:
    """Step the clock under an idle association, a silent connection and one stuck in a message."""
    with connected(server.port) as idle:
        idle.associate()
        server.send_signal(signal.SIGUSR1)
        goes_on = not idle.is_ended_within(look_seconds)
        server.send_signal(signal.SIGUSR2)
        with connected(server.port) as silent, connected(server.port) as stuck:
            stuck.associate()
            stuck.send(store_pdus(b"", "1.2.3")[0])
            stall_ends = stuck.is_ended_within(deadline_seconds)
            silence_ends = silent.is_ended_within(deadline_seconds)
        if goes_on:
            idle.socket.settimeout(10)
            instance = new_uid()
            goes_on = idle.store(image(instance, 1000), instance) == 0x0000
        return Stepped(goes_on, silence_ends, stall_ends)


@dataclass(frozen=True, slots=True)
class Filled:
    """What a server did when no file could grow any more, and after."""

    status: int | None
    """Of an image that did not fit; None if the association was cut."""
    left_behind: int
    """Files that the refused image left."""
    recovered: bool
    """Accepted again within 30 s."""

    def __str__(self) -> str:
        answer = "cut off" if self.status is None else f"{self.status:04X}"
        orphans = f", {self.left_behind} broken files" if self.left_behind else ", nothing left behind"
        return f"{answer}{orphans}, {'recovers' if self.recovered else 'does not recover'}"


def fill_disk(server: ServerProcess, *, most_bytes: int = 300_000) -> Filled:
    """Send an image while the system lets no file become large enough, and again once it does."""
    before = server.instances()
    server.limit_files(most_bytes)
    try:
        status: int | None = _store_new(server)
    except (Closed, OSError):
        status = None
    left = len(server.instances() - before)
    server.limit_files(-1)
    recovered = True
    try:
        wait_until(lambda: _store_new(server) == 0x0000, 30, 0.2)
    except (AssertionError, Closed, OSError):
        recovered = False
    return Filled(status, left, recovered)


def _store_new(server: ServerProcess) -> int:
    with connected(server.port, ALLOWED, seconds=15) as connection:
        connection.associate()
        instance = new_uid()
        return connection.store(image(instance), instance)
