"""A real daemon in a process group of its own, as an operator starts it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from support.waiting import wait_until

READY = re.compile(r"ready dicom=(\S+):(\d+) ae=(\S+)")


@dataclass
class Daemon:
    """``hounsfield run`` on a home folder. May be started again after ``kill``; the port stays."""

    home: Path
    destinations: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    port: int = 0
    program: tuple[str, ...] = ("-m", "hounsfield.daemon.cli.main", "run")
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    """Of the job log, as :meth:`told` follows it."""
    follower: subprocess.Popen[str] | None = None

    def start(self, *roles: str) -> Self:
        command = [sys.executable, *self.program]
        for role in roles:
            command += ["--role", role]
        self.lines = []
        self.process = subprocess.Popen(
            command,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=self.log_file.open("a"),
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        if not roles or "receiver" in roles:
            wait_until(lambda: self._ready() or self._dead(), 30)
            match = self._ready()
            assert match, f"the daemon is not ready: {self.log()}"
            self.port = int(match[2])
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip("\n"))

    def _ready(self) -> re.Match[str] | None:
        return next((m for line in self.lines if (m := READY.fullmatch(line))), None)

    def _dead(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    @property
    def log_file(self) -> Path:
        """What all its starts wrote to standard error."""
        return self.home.parent / f"{self.home.name}.log"

    def log(self) -> str:
        return self.log_file.read_text()[-3000:]

    def children(self, role: str) -> list[int]:
        """The process ids of one role, as the kernel shows them."""
        assert self.process is not None
        return children_of(self.process.pid, role)

    def kill(self) -> None:
        """kill -9 of the supervisor and all its roles at once."""
        assert self.process is not None
        self._end_following()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def stop(self) -> int:
        """SIGTERM as a service manager sends it; returns the exit status."""
        assert self.process is not None
        self._end_following()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def __enter__(self) -> Self:
        return self if self.process is not None else self.start()

    def __exit__(self, *_: object) -> None:
        self._end_following()
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def command(self, *arguments: str, seconds: float = 60.0) -> str:
        """Run ``hounsfield`` with this daemon's settings; the test fails unless it ends with 0."""
        command = [sys.executable, "-m", "hounsfield.daemon.cli.main", *arguments]
        done = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def hounsfield(self, *arguments: str) -> list[dict[str, Any]]:
        """Run a listing with ``--json``."""
        return [json.loads(line) for line in self.command(*arguments, "--json").splitlines()]

    def told(self) -> list[dict[str, Any]]:
        """Return every event of the job log so far; the first call begins to follow it.

        For tests that wait: a command for each look would take a core from what they wait for.
        """
        if self.follower is None:
            command = [sys.executable, "-m", "hounsfield.daemon.cli.main", "jobs", "tail", "--follow", "--json"]
            self.follower = subprocess.Popen(
                [*command, "--lines", "100000"], env=self._environment(), stdout=subprocess.PIPE, text=True
            )
            threading.Thread(target=self._follow, args=(self.follower,), daemon=True).start()
        return list(self.events)

    def _follow(self, follower: subprocess.Popen[str]) -> None:
        assert follower.stdout is not None
        for line in follower.stdout:
            self.events.append(json.loads(line))

    def _end_following(self) -> None:
        if self.follower is not None:
            self.follower.kill()
            self.follower.wait(20)
            self.follower = None

    def has_delivered(self, series_uid: str, times: int = 1) -> bool:
        """Whether so many deliveries of a series have completed."""
        wanted = (series_uid, "DELIVER", "COMPLETED")
        done = [event for event in self.told() if (event["series_uid"], event["kind"], event["to_state"]) == wanted]
        return len(done) >= times

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOUNSFIELD_STORAGE__HOME": str(self.home),
            "HOUNSFIELD_DICOM__PORT": str(self.port),
            "HOUNSFIELD_CONSOLE__PORT": "0",
            "HOUNSFIELD_ASSEMBLY__QUIET_SECONDS": "1",
            "HOUNSFIELD_ASSEMBLY__INCOMPLETE_WAIT_SECONDS": "1",
            "HOUNSFIELD_WORKER__LEASE_SECONDS": "3",
            "HOUNSFIELD_WORKER__XLA": "off",  # or each start would measure which way of running the model is faster
            "HOUNSFIELD_DESTINATION": json.dumps(self.destinations),
            **self.settings,
        }


def children_of(supervisor: int, role: str) -> list[int]:
    """Return the process ids of a role that a supervisor has started, by their command lines."""
    wanted = (f"\0--role\0{role}\0", f"\0--parent\0{supervisor}\0")
    lines = {int(path.name): _command_line(path) for path in Path("/proc").glob("[0-9]*")}
    return sorted(pid for pid, line in lines.items() if all(part in line for part in wanted))


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:  # it has ended meanwhile
        return ""
