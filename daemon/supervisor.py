"""Starts one process per role (receivers: as many as configured), restarts those that die or hang, ends them in order.

Each role is a fresh interpreter (docs/adr/0003): a crash, leak or hang of one cannot reach another, and only the
worker ever holds TensorFlow. The first receiver starts alone, so that scanners are served within two seconds.
"""

import subprocess
import threading
from collections.abc import Callable, Sequence

import structlog

from hounsfield.daemon.children import Child, ChildName, Spawn, start_child
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.heartbeat import SILENCE_SECONDS
from hounsfield.daemon.notify import ServiceWatchdog, notify
from hounsfield.daemon.roles import Role
from hounsfield.daemon.stop_signals import KILL_SECONDS, STOP_SECONDS, StopSignals

log = structlog.get_logger("hounsfield.supervisor")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a dead role is started again; doubled at each death, reset after a minute of life."""
HEALTHY_SECONDS = 60.0
READY_SECONDS = 600.0
"""How long a receiver may take to accept associations: it brings spool and database to agree first."""
WATCH_SECONDS = 0.1
ABSENT_SECONDS = 5.0
"""A supervisor that has not looked for so long was stopped itself, and its children perhaps with it."""


class Supervisor:
    """Owns the child processes of ``hounsfield run``. Knows nothing of what they do."""

    def __init__(
        self,
        roles: Sequence[Role],
        spawn: Spawn,
        clock: Clock,
        signals: StopSignals,
        *,
        receivers: int = 1,
        on_ready: Callable[[int], object] = lambda _: None,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """``on_ready`` is called once with the port, when all receivers accept associations."""
        self._receivers = [ChildName(Role.RECEIVER, n) for n in range(1, receivers + 1) if Role.RECEIVER in roles]
        self._others = [ChildName(role) for role in roles if role is not Role.RECEIVER]
        self._spawn = spawn
        self._clock = clock
        self._signals = signals
        self._on_ready = on_ready
        self._silence = silence_seconds
        self._service = ServiceWatchdog(clock)
        self._port = 0
        self._looked = clock.monotonic()
        self._children: dict[ChildName, Child] = {}
        self._due: dict[ChildName, tuple[float, float]] = {}  # name -> (start at, pause)

    def run(self) -> int:
        """Start, watch until stopped, end; 0 after a clean end, 1 when a receiver could not even start."""
        try:
            if not self.start():
                return 0 if self._signals.stop.is_set() else 1
            notify("READY=1")
            while not self._signals.stop.wait(WATCH_SECONDS):
                self.watch()
        finally:
            notify("STOPPING=1")
            self.end()
        return 0

    def start(self) -> bool:
        """Start all; False when a receiver does not come to accept associations, or a stop came first."""
        if not self._start_receivers():
            return False
        for name in self._others:
            self._start(name, FIRST_PAUSE)
        return True

    def _start_receivers(self) -> bool:
        """Start them before the rest and wait until they accept associations: TensorFlow must not slow them down.

        The first one starts alone: it takes the port, which the others are told.
        """
        for group in (self._receivers[:1], self._receivers[1:]):
            for name in group:
                self._start(name, FIRST_PAUSE)
            if not all(self._becomes_ready(self._children[name]) for name in group):
                return False
        if self._receivers:
            self._on_ready(self._port)
        return True

    def _becomes_ready(self, child: Child) -> bool:
        deadline = child.started + READY_SECONDS
        while not self._signals.stop.wait(WATCH_SECONDS / 4):
            self._service.pat()
            now = self._look()
            if child.pulse.port is not None:
                self._port = child.pulse.port
                return True
            if not child.is_running:
                return False
            if child.is_killed or now > deadline:
                log.error("role does not become ready", role=str(child.name))
                return False
        return False

    def _start(self, name: ChildName, pause: float) -> None:
        port = self._port if name.role is Role.RECEIVER else 0
        self._children[name] = start_child(self._spawn, name, port, pause, self._clock.monotonic())

    def watch(self) -> None:
        """Look after the children once: bury the dead, kill the silent, start those whose pause is over."""
        self._service.pat()
        now = self._look()
        for name, child in list(self._children.items()):
            status = child.process.poll()
            if status is None:
                continue
            pause = FIRST_PAUSE if now - child.started > HEALTHY_SECONDS else child.pause
            log.error("role died and is started again", role=str(name), status=status, seconds=pause)
            self._children.pop(name).pulse.close()
            self._put_off(name, pause)
        for name, (at, pause) in list(self._due.items()):
            if now >= at:
                del self._due[name]
                self._start_again(name, pause)

    def _look(self) -> float:
        """Hear every child, and kill those that have been silent for too long; return the time."""
        now = self._clock.monotonic()
        was_absent = now - self._looked > ABSENT_SECONDS
        self._looked = now
        for child in self._children.values():
            child.pulse.listen(now)
            if was_absent:
                child.pulse.forgive(now)
            silence = child.pulse.silence(now)
            if silence > self._silence and not child.is_killed:
                log.error("role hangs and is killed", role=str(child.name), silent_seconds=round(silence, 1))
                child.is_killed = True
                child.process.kill()
        return now

    def _put_off(self, name: ChildName, pause: float) -> None:
        self._due[name] = (self._clock.monotonic() + pause, min(pause * 2, LONGEST_PAUSE))

    def _start_again(self, name: ChildName, pause: float) -> None:
        try:
            self._start(name, pause)
        except OSError as error:  # no memory or process left for now: the other roles live on
            log.error("role cannot be started; trying again", role=str(name), error=error.strerror, seconds=pause)
            self._put_off(name, pause)

    def end(self) -> None:
        """End the receivers first: what they acknowledged meanwhile is still assembled, or found at the next start.

        In a hurry all at once: nothing durable is lost by it, leases run out.
        """
        children = list(self._children.values())
        receivers = [child for child in children if child.name.role is Role.RECEIVER]
        for group in (receivers, [child for child in children if child not in receivers]):
            if not self._signals.hurry.is_set():
                for child in group:
                    child.process.terminate()
                self._wait_for(group, STOP_SECONDS, self._signals.hurry)
            if not self._signals.hurry.is_set():
                self._kill(group)
        if self._signals.hurry.is_set():
            self._end_fast(children)
        for child in children:
            child.pulse.close()
        self._children.clear()

    def _end_fast(self, children: Sequence[Child]) -> None:
        """Ask again and again: a child that was never asked must hear it twice, and signals that wait are one."""
        pause = threading.Event()
        deadline = self._clock.monotonic() + KILL_SECONDS
        while self._running(children) and self._clock.monotonic() < deadline:
            for child in self._running(children):
                child.process.terminate()
            self._wait_for(children, WATCH_SECONDS, pause)
        self._kill(children)

    def _wait_for(self, children: Sequence[Child], seconds: float, instead: threading.Event) -> None:
        """Wait until they have ended, or ``instead`` is set; at most ``seconds``."""
        deadline = self._clock.monotonic() + seconds
        while self._running(children) and self._clock.monotonic() < deadline:
            self._service.pat()
            if instead.wait(WATCH_SECONDS / 4):
                return

    @staticmethod
    def _running(children: Sequence[Child]) -> list[Child]:
        return [child for child in children if child.is_running]

    def _kill(self, children: Sequence[Child]) -> None:
        running = self._running(children)
        for child in running:
            log.error("role did not end in time and is killed", role=str(child.name))
            child.process.kill()
        for child in running:
            try:
                child.process.wait(KILL_SECONDS)
            except subprocess.TimeoutExpired:  # the kernel waits for a disk; it goes when the disk answers
                log.error("role cannot be killed", role=str(child.name))
