"""Who is compared: each takes images, has the same model, and sends reports to an Orthanc of its own."""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common import usage
from common.router import AE_TITLE as ROUTER_AE
from common.router import router
from support.daemon import Daemon
from support.peers import Orthanc, accepts_connections, free_port, orthanc, running
from support.waiting import wait_until

HOUNSFIELD, PLAIN, ROUTER = "Hounsfield", "plain pynetdicom", "dicom-ai-router"
QUIET_SECONDS = 3.0
"""Of the peers, which know no other end of a study: the router's default. A shorter one ends studies half way."""
_START_SECONDS = 600.0
_HERE = Path(__file__).resolve().parent
_SETTINGS = {
    "HOUNSFIELD_ASSEMBLY__QUIET_SECONDS": "10",
    "HOUNSFIELD_ASSEMBLY__RELEASED_SECONDS": "0",
    "HOUNSFIELD_ASSEMBLY__INCOMPLETE_WAIT_SECONDS": "60",
    "HOUNSFIELD_WORKER__LEASE_SECONDS": "60",
}
"""As shipped, but that a series ends as soon as all its associations were released (5 s as shipped)."""


@dataclass(frozen=True, slots=True)
class System:
    """Somebody who takes images."""

    name: str
    port: int
    ae_title: str
    pacs: Orthanc
    roots: tuple[int, ...]
    """Its processes, each with its descendants; the PACS and the scanners are not among them."""
    quiet_seconds: float = 0.0

    def cpu_seconds(self) -> float:
        """Return the processor time of all its processes so far."""
        return sum(map(usage.cpu_seconds, self.roots))

    def reset_peak(self) -> None:
        """Let the peak of its memory begin anew."""
        for root in self.roots:
            usage.reset_peak_memory(root)

    def peak_mib(self) -> float:
        """Return the peak of its memory since then, see :func:`usage.memory_peak`."""
        return sum(map(usage.memory_peak, self.roots)) / 2**20


@contextmanager
def hounsfield(folder: Path) -> Iterator[System]:
    """Run the whole daemon with the demonstration bundle."""
    with orthanc(folder / "pacs") as pacs:
        destination = {"name": "pacs", "ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port}
        with Daemon(folder / "home", [destination], _SETTINGS).start() as daemon:
            assert daemon.process is not None
            yield System(HOUNSFIELD, daemon.port, "HOUNSFIELD", pacs, (daemon.process.pid,))


@contextmanager
def plain(folder: Path) -> Iterator[System]:
    """Run what one writes in an afternoon."""
    with orthanc(folder / "pacs") as pacs:
        port, inbox = free_port(), folder / "inbox"
        inbox.mkdir()
        command = [sys.executable, _HERE / "plain.py", "--port", str(port), "--folder", inbox]
        command += ["--pacs-port", str(pacs.dicom_port), "--pacs-ae", pacs.ae_title, "--quiet", str(QUIET_SECONDS)]
        with running(command, folder / "log") as process:
            wait_until(lambda: accepts_connections(port), _START_SECONDS)
            yield System(PLAIN, port, "PLAIN", pacs, (process.pid,), QUIET_SECONDS)


@contextmanager
def dicom_ai_router(program: Path, folder: Path) -> Iterator[System]:
    """Run the router before a server with the model."""
    port = free_port()
    command = [sys.executable, _HERE / "model_server.py", "--port", str(port)]
    with orthanc(folder / "pacs") as pacs, running(command, folder / "model.log") as model:
        wait_until(lambda: _is_well(port), _START_SECONDS)
        url = f"http://127.0.0.1:{port}/infer"
        with router(program, folder / "router", pacs, url, QUIET_SECONDS) as (dicom_port, process):
            yield System(ROUTER, dicom_port, ROUTER_AE, pacs, (process.pid, model.pid), QUIET_SECONDS)


def _is_well(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
