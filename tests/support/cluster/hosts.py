"""One host of a cluster: ``hounsfield run`` with its roles in a namespace, started again as a service manager does."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.cluster.namespaces import Network
from support.daemon import children_of

DICOM_PORT = 11112
RESTART_SECONDS = 1.0
"""How long the service manager waits before it starts a service again that ended (systemd's ``RestartSec=``)."""
STOP_SECONDS = 60.0
_SKEWED = Path(__file__).parent / "skewed"
SKEW = "TESTS_SKEW_SECONDS"


@dataclass
class Host:
    """A host with its roles, its own ``storage.home`` and its own clock."""

    name: str
    roles: Sequence[str]
    network: Network
    folder: Path
    """Of its configuration and log; ``storage.home`` lies in it."""
    skew_seconds: float = 0.0
    """How far its wall clock is ahead of the others'."""
    starts: int = 0
    exits: list[int] = field(default_factory=list)
    _process: subprocess.Popen[bytes] | None = None
    _manager: threading.Thread | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return self.network.hosts[self.name]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def config(self) -> Path:
        return self.folder / "hounsfield.toml"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self) -> None:
        """Begin to run the service, and to start it again whenever it ends, until it is stopped."""
        self._over.clear()
        self._manager = threading.Thread(target=self._manage, name=f"service of {self.name}", daemon=True)
        self._manager.start()

    def _manage(self) -> None:
        roles = [word for role in self.roles for word in ("--role", role)]
        while not self._over.is_set():
            with self.log.open("ab") as log:
                command = self._command("run", *roles)
                self._process = subprocess.Popen(
                    command, env=self._environment(), stdout=log, stderr=log, start_new_session=True
                )
            self.starts += 1
            self.exits.append(self._process.wait())
            self._over.wait(RESTART_SECONDS)

    def stop(self) -> int:
        """SIGTERM as a service manager sends it; return the exit status."""
        self._over.set()
        assert self._process is not None
        assert self._manager is not None
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        finally:
            self._process.kill()
            self._manager.join(STOP_SECONDS)

    def abandon(self) -> None:
        """End it at once, if it runs at all."""
        self._over.set()
        self.kill()
        if self._manager is not None:
            self._manager.join(STOP_SECONDS)

    def hounsfield(self, *arguments: str) -> str:
        """Run a command on this host, with its configuration; return what it prints."""
        done = subprocess.run(
            self._command(*arguments), env=self._environment(), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"hounsfield {' '.join(arguments)}: {done.stderr[-2000:]}"
        return done.stdout

    def supervisor(self) -> int | None:
        """The process id of what the service manager started, None while nothing runs."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def child(self, role: str) -> int | None:
        """The process id of a role, None while it does not run. The only role of a host is no child of a supervisor."""
        parent = self.supervisor()
        if len(self.roles) == 1 or parent is None:
            return parent
        return next(iter(children_of(parent, role)), None)

    def kill(self, role: str | None = None) -> int | None:
        """kill -9 of a role's process, or of the supervisor; return which process it was, None if there was none."""
        pid = self.supervisor() if role is None else self.child(role)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pid

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def _command(self, *arguments: str) -> list[str]:
        program = [sys.executable, "-m", "hounsfield.daemon.cli.main", *arguments]
        return self.network.command(self.name, program)

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HOUNSFIELD_")}
        kept |= {"HOUNSFIELD_CONFIG": str(self.config), "TF_CPP_MIN_LOG_LEVEL": "3"}
        if self.skew_seconds:
            kept |= {SKEW: str(self.skew_seconds), "PYTHONPATH": str(_SKEWED)}
        return kept


def write_config(host: Host, sections: dict[str, Any]) -> None:
    """Write the configuration of a host: sections, and arrays of tables as lists."""
    lines: list[str] = []
    for name, section in sections.items():
        for table in section if isinstance(section, list) else [section]:
            lines += ["", f"[[{name}]]" if isinstance(section, list) else f"[{name}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
    host.folder.mkdir(parents=True, exist_ok=True)
    host.config.write_text("\n".join(lines).lstrip() + "\n")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str | Path) else str(value)
