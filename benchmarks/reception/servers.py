"""The servers that are compared: each starts fresh on a private port, in a folder that is wiped afterwards.

``TCP_NODELAY`` in the environment is DCMTK's switch for Nagle's algorithm; Orthanc receives with DCMTK's library and
obeys it too. (Orthanc's own setting "TcpNoDelay" is about its HTTP server only.) Without it both answer a C-STORE in
two writes and wait between them until the sender's delayed acknowledgement comes, 40 ms later.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

AE_TITLE = "HOUNSFIELD"
"""All of them are called by this name."""

MOST_ASSOCIATIONS = 100
_NO_DELAY = {"TCP_NODELAY": "1"}
_START_SECONDS = 40.0
_OUR_FOLDER = Path(__file__).resolve().parent

Command = Callable[[Path, int], Sequence[str]]


class ServerFailed(Exception):
    """A server did not start."""


@dataclass(frozen=True)
class Server:
    """A way to run a server: ``command`` may write a configuration into the folder it gets, beside the port."""

    name: str
    command: Command
    environment: Mapping[str, str] = field(default_factory=dict)
    serves_one_at_a_time: bool = False
    is_ours: bool = False


@dataclass(frozen=True)
class Running:
    """A server that accepts connections."""

    server: Server
    port: int
    pid: int


def _orthanc(folder: Path, port: int) -> Sequence[str]:
    """Debian's Orthanc with every setting that matters here at its default (files are synced, Nagle is on)."""
    settings = {
        "StorageDirectory": str(folder / "data"),
        "IndexDirectory": str(folder / "data"),
        "DicomPort": port,
        "HttpPort": free_port(),
        "RemoteAccessAllowed": False,
        "Plugins": [],
    }
    file = folder / "orthanc.json"
    file.write_text(json.dumps(settings))
    return [_program("Orthanc"), str(file)]


def _storescp(*options: str) -> Command:
    def command(folder: Path, port: int) -> Sequence[str]:
        (folder / "received").mkdir()
        return [_program("storescp"), *options, "--output-directory", str(folder / "received"), str(port)]

    return command


def _pynetdicom(folder: Path, port: int) -> Sequence[str]:
    return [sys.executable, str(_OUR_FOLDER / "plain_pynetdicom.py"), str(port), str(folder)]


def _hounsfield(folder: Path, port: int) -> Sequence[str]:
    settings = {
        "HOUNSFIELD_STORAGE__HOME": str(folder / "home"),
        "HOUNSFIELD_DICOM__PORT": str(port),
        "HOUNSFIELD_CONSOLE__PORT": "0",
        "HOUNSFIELD_DICOM__MAX_ASSOCIATIONS_PER_PEER": str(MOST_ASSOCIATIONS),
        "HOUNSFIELD_DICOM__MAX_WAITING_CONNECTIONS": "1000",
        "HOUNSFIELD_DICOM__MAX_ASSOCIATIONS": str(MOST_ASSOCIATIONS),
    }
    assigned = [f"{key}={value}" for key, value in settings.items()]
    return ["env", *assigned, sys.executable, "-m", "hounsfield.daemon.cli.main", "run", "--role", "receiver"]


def hounsfield(name: str = "hounsfield", environment: Mapping[str, str] | None = None) -> Server:
    """Return our receiver; ``environment`` holds settings beside the defaults (HOUNSFIELD_SECTION__KEY)."""
    return Server(name, _hounsfield, environment or {}, is_ours=True)


PEERS = (
    Server("orthanc", _orthanc),
    Server("orthanc nodelay", _orthanc, _NO_DELAY),
    Server("storescp", _storescp(), serves_one_at_a_time=True),
    Server("storescp --fork", _storescp("--fork")),
    Server("storescp --fork nodelay", _storescp("--fork"), _NO_DELAY),
    Server("pynetdicom", _pynetdicom),
)

VARIANTS: Sequence[Server] = (
    hounsfield(),
    hounsfield("hounsfield, 2 receivers", {"HOUNSFIELD_DICOM__RECEIVERS": "2"}),
    # Further ways to configure our receiver, to be compared in the same run; or from the command line:
    # --variant "two receivers" HOUNSFIELD_DICOM__RECEIVERS=2
)


@contextmanager
def running(server: Server, folder: Path) -> Iterator[Running]:
    """Run a server in ``folder``, which is made for it. It is killed at the end and everything it stored is deleted.

    Raise ServerFailed with its last words if it does not accept connections.
    """
    folder.mkdir()
    port = free_port()
    inherited = {k: v for k, v in os.environ.items() if k != "TCP_NODELAY" and not k.startswith("HOUNSFIELD_")}
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            server.command(folder, port),
            cwd=folder,
            env=inherited | server.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_it_listens(process, port, log)
        yield Running(server, port, process.pid)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
        os.sync()  # what a server left in the cache must not slow down the one that comes next


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while not _listens(port):
        if process.poll() is not None or time.monotonic() > until:
            words = log.read_text(errors="replace").strip().splitlines() or ["nothing was said"]
            raise ServerFailed(f"does not listen: {words[-1][:200]}")
        time.sleep(0.05)
    time.sleep(0.3)  # let it finish starting, and forget that connection


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def missing_programs() -> list[str]:
    """Return the programs that are needed and not installed."""
    return [name for name in ("Orthanc", "storescp", "storescu") if _found(name) is None]


def _program(name: str) -> str:
    return _found(name) or name


def _found(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin")))
