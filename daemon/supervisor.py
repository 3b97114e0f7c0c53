"""Starts one process per role, restarts those that die, ends them in order. Knows nothing of what they do.

Each role is a fresh interpreter (docs/adr/0003): a crash, leak or hang of one cannot reach another, and only the
worker ever holds TensorFlow. The receiver starts first and alone, so that scanners are served within two seconds.
"""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.notify import notify
from hounsfield.daemon.roles import Role

log = structlog.get_logger("hounsfield.supervisor")

STOP_SECONDS = 20.0
"""How long a receiver may finish what is in flight before it is killed."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a dead role is started again; doubled at each death, reset after a minute of life."""
HEALTHY_SECONDS = 60.0
READY_SECONDS = 30.0
READY = b"R"
"""What a receiver writes to its ready descriptor once it accepts associations."""


@dataclass
class _Child:
    role: Role
    process: subprocess.Popen[bytes]
    started: float
    pause: float


Spawn = Callable[[Role, int], "subprocess.Popen[bytes]"]


class Supervisor:
    """Owns the child processes of ``hounsfield run``."""

    def __init__(self, roles: Sequence[Role], spawn: Spawn, clock: Clock) -> None:
        self._roles = list(roles)
        self._spawn = spawn
        self._clock = clock
        self._stop = threading.Event()
        self._children: dict[Role, _Child] = {}
        self._due: dict[Role, tuple[float, float]] = {}  # role -> (start at, pause)

    def stop(self, *_: object) -> None:
        """Ask for a clean end; safe in a signal handler."""
        self._stop.set()

    def run(self) -> int:
        """Run until stopped; 0 after a clean end, 1 when the receiver could not even start."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        try:
            if Role.RECEIVER in self._roles and not self._start_receiver():
                return 1
            for role in self._roles:
                if role not in self._children:
                    self._start(role, FIRST_PAUSE)
            notify("READY=1")
            while not self._stop.wait(0.1):
                self._watch()
        finally:
            notify("STOPPING=1")
            self._end_all()
        return 0

    def _start_receiver(self) -> bool:
        """Start it first and wait until it accepts associations: TensorFlow's import must not slow it down."""
        read, write = os.pipe()
        try:
            try:
                self._start(Role.RECEIVER, FIRST_PAUSE, write)
            finally:
                os.close(write)
            deadline = self._clock.monotonic() + READY_SECONDS
            while not self._stop.is_set() and self._clock.monotonic() < deadline:
                if select.select([read], [], [], 0.05)[0]:
                    return os.read(read, 1) == READY  # an empty read: it ended without a word
            return self._stop.is_set()
        finally:
            os.close(read)

    def _start(self, role: Role, pause: float, ready_fd: int = -1) -> None:
        self._children[role] = _Child(role, self._spawn(role, ready_fd), self._clock.monotonic(), pause)

    def _watch(self) -> None:
        now = self._clock.monotonic()
        for role, child in list(self._children.items()):
            status = child.process.poll()
            if status is None:
                continue
            pause = FIRST_PAUSE if now - child.started > HEALTHY_SECONDS else child.pause
            log.error("role died and is started again", role=str(role), status=status, seconds=pause)
            del self._children[role]
            self._due[role] = (now + pause, min(pause * 2, LONGEST_PAUSE))
        for role, (at, pause) in list(self._due.items()):
            if now >= at:
                del self._due[role]
                self._start_again(role, pause)

    def _start_again(self, role: Role, pause: float) -> None:
        try:
            self._start(role, pause)
        except OSError as error:  # no memory or process left for now: the other roles live on
            log.error("role cannot be started; trying again", role=str(role), error=error.strerror, seconds=pause)
            self._due[role] = (self._clock.monotonic() + pause, min(pause * 2, LONGEST_PAUSE))

    def _end_all(self) -> None:
        """The receiver first: what it acknowledged meanwhile is still assembled, or found again at the next start."""
        receiver = self._children.pop(Role.RECEIVER, None)
        others = list(self._children.values())
        self._children.clear()
        for group in ([receiver] if receiver else [], others):
            for child in group:
                child.process.terminate()
            deadline = self._clock.monotonic() + STOP_SECONDS
            for child in group:
                self._end(child, deadline)

    def _end(self, child: _Child, deadline: float) -> None:
        try:
            child.process.wait(max(0.1, deadline - self._clock.monotonic()))
        except subprocess.TimeoutExpired:
            log.error("role did not end in time and is killed", role=str(child.role))
            child.process.kill()
            child.process.wait()


def spawn_role(config: Path | None) -> Spawn:
    """Return what starts one role as a child process with the same configuration."""

    def spawn(role: Role, ready_fd: int) -> "subprocess.Popen[bytes]":
        command = [
            sys.executable,
            "-m",
            "hounsfield.daemon.role_process",
            "--role",
            str(role),
            "--parent",
            str(os.getpid()),
        ]
        if config is not None:
            command += ["--config", str(config)]
        if ready_fd >= 0:
            command += ["--ready-fd", str(ready_fd)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[ready_fd] if ready_fd >= 0 else [])

    return spawn
