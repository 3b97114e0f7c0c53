"""The demonstration's daemon: a process of its own, configured by environment variables only."""

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from hounsfield.daemon.demo.workspace import Workspace
from hounsfield.daemon.errors import DaemonError

PREFIX = "HOUNSFIELD_"
PASSED_ON = ("HOUNSFIELD_WORKER__", "HOUNSFIELD_SITE__", "HOUNSFIELD_LOGGING__")
"""Settings a user may want to see demonstrated; all others are the demonstration's own."""
AE_TITLE = "HOUNSFIELD"
PACS_AE_TITLE = "DEMO_PACS"
DESTINATION = "demo-pacs"
QUIET_SECONDS = 2
INCOMPLETE_WAIT_SECONDS = 4
"""Nobody will send the missing slices; a real site gives a scanner longer."""
STOP_SECONDS = 15
LAST_LINES = 12


class DaemonDied(DaemonError):
    """The daemon did not start or ended early; the message holds the last lines of its log."""


def environment(workspace: Workspace, pacs_port: int, bundle: Path, inherited: dict[str, str]) -> dict[str, str]:
    """Return the variables for the daemon: embedded defaults on loopback, any free port, our PACS."""
    kept = {
        name: value for name, value in inherited.items() if not name.startswith(PREFIX) or name.startswith(PASSED_ON)
    }
    destination = {"name": DESTINATION, "ae_title": PACS_AE_TITLE, "host": "127.0.0.1", "port": pacs_port}
    return kept | {
        "HOUNSFIELD_DICOM__AE_TITLE": AE_TITLE,
        "HOUNSFIELD_DICOM__HOST": "127.0.0.1",
        "HOUNSFIELD_DICOM__PORT": "0",
        "HOUNSFIELD_CONSOLE__PORT": "0",
        "HOUNSFIELD_STORAGE__HOME": str(workspace.home),
        "HOUNSFIELD_ASSEMBLY__QUIET_SECONDS": str(QUIET_SECONDS),
        "HOUNSFIELD_ASSEMBLY__INCOMPLETE_WAIT_SECONDS": str(INCOMPLETE_WAIT_SECONDS),
        "HOUNSFIELD_BUNDLE": json.dumps([{"path": str(bundle)}]),
        "HOUNSFIELD_DESTINATION": json.dumps([destination]),
    }


class DaemonProcess:
    """``hounsfield run`` as a child; use it in a ``with`` block, which ends it."""

    def __init__(self, variables: dict[str, str], log: Path) -> None:
        self._variables = variables
        self._log = log
        self._ready: queue.Queue[str | None] = queue.Queue()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "DaemonProcess":
        """Start the process; :meth:`wait_ready` tells when it accepts associations."""
        command = [sys.executable, "-m", "hounsfield.daemon.cli.main", "run"]
        with self._log.open("a", encoding="utf-8") as log:
            # A session of its own: Ctrl-C reaches the demonstration, which ends the daemon in good order.
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=self._variables, start_new_session=True
            )
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), name="daemon-output", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the daemon: SIGTERM, and SIGKILL if it does not go."""
        process = self._running()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_ready(self, seconds: float) -> int:
        """Return the port of the receiver; raise :class:`DaemonDied` if it is not ready within ``seconds``."""
        try:
            line = self._ready.get(timeout=seconds)
        except queue.Empty:
            raise self.died(f"the daemon was not ready within {seconds:g} s") from None
        if line is None:
            raise self.died("the daemon ended before it was ready")
        return int(line.split("dicom=")[1].split()[0].rpartition(":")[2])

    def check(self) -> None:
        """Raise :class:`DaemonDied` if the process has ended."""
        if self._running().poll() is not None:
            raise self.died(f"the daemon ended with {self._running().returncode}")

    def died(self, problem: str) -> DaemonDied:
        """Return the error with the end of the log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        return DaemonDied("\n".join([problem, *lines]), f"the whole log is {self._log}")

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise DaemonDied("the daemon was not started", "use it in a with block")
        return self._process

    def _read(self, output: IO[str]) -> None:
        """Pass the ready line on and keep reading, so that the daemon never blocks on a full pipe."""
        with output:
            for line in output:
                if line.startswith("ready dicom="):
                    self._ready.put(line)
        self._ready.put(None)
