"""The child processes of the supervisor: what each is, and how one is started."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hounsfield.daemon.heartbeat import Pulse
from hounsfield.daemon.roles import Role


@dataclass(frozen=True, slots=True)
class ChildName:
    """A role, and which of its processes: several receivers may share the port."""

    role: Role
    number: int = 1

    def __str__(self) -> str:
        return str(self.role) if self.number == 1 else f"{self.role}-{self.number}"


class Process(Protocol):
    """What the supervisor needs of ``subprocess.Popen``."""

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def kill(self) -> None:
        """Send SIGKILL, which a stopped process obeys too."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; raises subprocess.TimeoutExpired."""


@dataclass(frozen=True, slots=True)
class Start:
    """How to start one child."""

    name: ChildName
    report_fd: int
    """The child's end of its heartbeat pipe."""
    port: int
    """Where the receivers already listen; 0 for the first of them, which finds out."""


Spawn = Callable[[Start], Process]


@dataclass
class Child:
    """A child that runs."""

    name: ChildName
    process: Process
    pulse: Pulse
    started: float
    pause: float
    """Seconds to wait before it is started again, should it die soon."""
    is_killed: bool = False

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None


def start_child(spawn: Spawn, name: ChildName, port: int, pause: float, now: float) -> Child:
    """Start one with a heartbeat pipe of its own. Raises OSError."""
    read, write = os.pipe()
    try:
        process = spawn(Start(name, write, port))
    except OSError:
        os.close(read)
        raise
    finally:
        os.close(write)
    return Child(name, process, Pulse(read, now), now, pause)


def spawn_role(config: Path | None) -> Spawn:
    """Return what starts one role as a fresh interpreter with the same configuration (docs/adr/0003)."""

    def spawn(start: Start) -> Process:
        command = [
            *(sys.executable, "-m", "hounsfield.daemon.role_process"),
            *("--role", str(start.name.role)),
            *("--number", str(start.name.number)),
            *("--parent", str(os.getpid())),
            *("--report-fd", str(start.report_fd)),
        ]
        if config is not None:
            command += ["--config", str(config)]
        if start.port:
            command += ["--port", str(start.port)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[start.report_fd])

    return spawn
