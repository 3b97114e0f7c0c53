"""Our receiver, or the plain one, in a process of its own, seen from outside: its port, vitals, log and files."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Protocol, Self, TypeVar

from support.vitals import Vitals
from support.waiting import wait_until

from hounsfield.storage.errors import SpoolError
from hounsfield.storage.spool import Spool
from hounsfield.storage.spool_format import HEAD_BYTES, decode_head

READY = re.compile(r"^ready dicom=\S+:(\d+) ae=\S+$", re.MULTILINE)
_TESTS = Path(__file__).resolve().parent.parent
_START_SECONDS, _STOP_SECONDS = 60.0, 30.0


class Target(Protocol):
    """A server that is attacked."""

    name: str
    folder: Path
    port: int

    @property
    def pid(self) -> int: ...

    def vitals(self) -> Vitals: ...

    def is_alive(self) -> bool: ...

    def log(self) -> str: ...

    def data_sets(self) -> list[bytes]: ...


@dataclass
class ServerProcess:
    """A server process. What it writes to standard output and error lies beside its folder."""

    folder: Path
    name: str = ""
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    prefix: Sequence[str] = ()
    """Arguments between ``python -m`` and the server's module: see :mod:`support.launcher`."""

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def _file(self, what: str) -> Path:
        return self.folder.parent / f"{self.folder.name}.{what}"

    def arguments(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        paths = [str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}

    def start(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._file("out").open("wb") as output, self._file("log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.prefix, *self.arguments()],
                env=self.environment(),
                cwd=self.folder.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                start_new_session=True,
            )
        wait_until(lambda: READY.search(self._said()) or not self.is_alive(), _START_SECONDS)
        ready = READY.search(self._said())
        assert ready, f"{self.name} is not ready: {self.log()[-3000:]}"
        self.port = int(ready[1])
        return self

    def _said(self) -> str:
        return self._file("out").read_text()

    def log(self) -> str:
        """Everything on standard output and error so far."""
        return self._said() + self._file("log").read_text(errors="replace")

    def vitals(self) -> Vitals:
        return Vitals.of(self.pid)

    def command_line(self) -> str:
        """What ``ps`` shows, environment included."""
        proc = Path(f"/proc/{self.pid}")
        return "".join((proc / name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ", "comm"))

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def limit_files(self, size: int) -> None:
        """Let no file grow beyond ``size`` bytes, -1 for any: a disk that is full, as far as the process can tell."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, -1))

    def send_signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, seconds: float = _STOP_SECONDS) -> int:
        """Return the exit status."""
        assert self.process is not None
        return self.process.wait(seconds)

    def stop(self) -> int:
        """SIGTERM, then the exit status; killed when it does not end."""
        if self.is_alive():
            self.send_signal(signal.SIGTERM)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()

    def kill(self) -> None:
        if self.is_alive():
            self.send_signal(signal.SIGKILL)

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def instances(self) -> set[int]:
        """The files that hold instances, whole or not, as inode numbers."""
        return {path.stat().st_ino for path in self.files()}


@dataclass
class ReceiverProcess(ServerProcess):
    """``hounsfield run --role receiver``; ``settings`` are environment variables without ``HOUNSFIELD_``."""

    name: str = "hounsfield"
    settings: dict[str, str] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        return ["hounsfield.daemon.cli.main", "run", "--role", "receiver"]

    def environment(self) -> dict[str, str]:
        defaults = {
            "STORAGE__HOME": str(self.folder),
            "DICOM__PORT": str(self.port),
            "DICOM__MIN_FREE_BYTES": "0",
            "DICOM__MIN_FREE_PERCENT": "0",
        }
        ours = {f"HOUNSFIELD_{key}": value for key, value in {**defaults, **self.settings}.items()}
        return super().environment() | ours

    @property
    def spool(self) -> Spool:
        return Spool(self.folder / "spool")

    def instances(self) -> set[int]:
        """What the spool holds, whole or not, filed or not: inode numbers. Empty slots made ahead do not count.

        An instance is filed by a hard link a moment after it was acknowledged, so its inode is what stays the same.
        """
        found = set()
        for pattern in ("incoming/**/*", "objects/**/*"):  # in the order that they go
            for path in self.spool.folder.glob(pattern):
                with suppress(FileNotFoundError):
                    status = path.stat()
                    if S_ISREG(status.st_mode) and status.st_size > 0:
                        found.add(status.st_ino)
        return found

    def data_sets(self) -> list[bytes]:
        """The data sets of whole instances, filed or still in their slots, as their bytes."""
        found = {}
        for pattern in ("incoming/**/*.slot", "objects/*/*"):  # in the order that they go
            for path in self.spool.folder.glob(pattern):
                with suppress(FileNotFoundError, SpoolError):  # gone meanwhile, or on its way in
                    whole = path.read_bytes()
                    head = decode_head(whole[:HEAD_BYTES])
                    if len(whole) == head.length + head.size:
                        found[head.digest] = whole[head.length :]
        return [found[digest] for digest in sorted(found)]


@dataclass
class PlainProcess(ServerProcess):
    """:mod:`support.plain_scp`; ``tls`` are the files of a certificate and its key."""

    name: str = "pynetdicom"
    tls: tuple[Path, Path] | None = None

    def arguments(self) -> list[str]:
        return ["support.plain_scp", str(self.folder), *map(str, self.tls or ())]

    def data_sets(self) -> list[bytes]:
        """The files themselves: this one does not keep the bytes as received."""
        return [path.read_bytes() for path in self.files()]


Server = TypeVar("Server", bound=ServerProcess)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Start a server; it is stopped, and its folder removed, with the block."""
    try:
        yield server.start()
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(server.folder, ignore_errors=True)
