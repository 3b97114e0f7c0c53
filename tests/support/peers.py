"""Real peer programs and checkers for tests: DCMTK, dicom3tools, Orthanc and others, all from Debian.

A missing program skips the test, or fails it where ``HOUNSFIELD_REQUIRE_ALL=1`` (which ``.ci/run`` sets).
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.waiting import wait_until

DEBIAN_LINE = (
    "sudo apt-get install --no-install-recommends -y "
    "dcmtk dicom3tools orthanc orthanc-dicomweb postgresql chromium-headless-shell prometheus "
    "shellcheck systemd gnupg minisign"
)
DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_PORTS = (12_000, 32_000)
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")


def everything_required() -> bool:
    """Whether a missing peer is a failure."""
    return os.environ.get("HOUNSFIELD_REQUIRE_ALL") == "1"


def skip_or_fail(reason: str) -> None:
    """Leave the running test: skipped, or failed where everything is required."""
    if everything_required():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def require_binary(name: str) -> str:
    """Return the path of a peer program, or leave the test (:func:`skip_or_fail`)."""
    folders = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS, *_postgres_folders()))
    found = shutil.which(name, path=folders)
    if found is None:
        skip_or_fail(f"{name} is not installed: {DEBIAN_LINE}")
    assert found is not None
    return found


def _postgres_folders() -> list[str]:
    """Debian keeps initdb and postgres out of the PATH, one folder per version; the newest first."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return [str(folder) for folder in sorted(folders, key=lambda folder: folder.parent.name, reverse=True)]


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that was free a moment ago.

    It is none that the system gives to connections by itself: tests beside this one make thousands of them.
    """
    while True:
        port = random.randrange(*_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def run_tool(name: str, *arguments: str | Path, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run a peer program to its end and return it with its output as text; the exit status is the caller's."""
    command = [require_binary(name), *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)


def dciodvfy(path: Path) -> tuple[list[str], list[str]]:
    """Return the errors and the warnings dicom3tools finds in a DICOM file."""
    lines = (run_tool("dciodvfy", "-new", path).stderr).splitlines()
    return [x for x in lines if x.startswith("Error")], [x for x in lines if x.startswith("Warning")]


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, *, ending: signal.Signals = signal.SIGTERM, **options: object
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a peer in the background with its output in ``log``; it is ended with the block."""
    with log.open("ab") as output:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=output, **options)
        try:
            yield process
        finally:
            process.send_signal(ending)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=10)


def accepts_connections(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens on ``host``:``port``."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc: where it listens and what it holds."""

    dicom_port: int
    http_port: int
    ae_title: str
    log: Path
    host: str = "127.0.0.1"

    def get(self, path: str) -> bytes:
        """Return the answer of its REST API to ``GET /path``."""
        url = f"http://{self.host}:{self.http_port}/{path.lstrip('/')}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bytes(answer.read())

    def post(self, path: str, body: bytes) -> bytes:
        """Return the answer of its REST API to ``POST /path``."""
        request = urllib.request.Request(f"http://{self.host}:{self.http_port}/{path.lstrip('/')}", data=body)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())

    def delete(self, path: str) -> None:
        """Send ``DELETE /path`` to its REST API."""
        request = urllib.request.Request(f"http://{self.host}:{self.http_port}/{path.lstrip('/')}", method="DELETE")
        with urllib.request.urlopen(request, timeout=10):
            return

    def wado(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> bytes:
        """Return the file of an instance by DICOMweb (PS3.18 10.4, Retrieve Transaction), in the syntax it is kept."""
        path = f"dicom-web/studies/{study_uid}/series/{series_uid}/instances/{sop_instance_uid}"
        request = urllib.request.Request(f"http://{self.host}:{self.http_port}/{path}")
        request.add_header("Accept", 'multipart/related; type="application/dicom"; transfer-syntax=*')
        with urllib.request.urlopen(request, timeout=10) as answer:
            boundary = answer.headers.get_param("boundary").encode()
            (_before, part, _end) = bytes(answer.read()).split(b"--" + boundary)
        return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")

    def instances(self) -> dict[str, str]:
        """Return Orthanc's identifier of every SOP Instance UID it holds."""
        found = json.loads(self.get("/instances?expand"))
        return {entry["MainDicomTags"]["SOPInstanceUID"]: entry["ID"] for entry in found}

    def files(self) -> list[bytes]:
        """Return every DICOM file as Orthanc keeps it."""
        return [self.get(f"/instances/{identifier}/file") for identifier in self.instances().values()]

    def file(self, sop_instance_uid: str) -> bytes:
        """Return the DICOM file of an instance as Orthanc keeps it."""
        return self.get(f"/instances/{self.instances()[sop_instance_uid]}/file")

    def is_up(self) -> bool:
        """Whether it answers on both ports."""
        try:
            self.get("/system")
        except (urllib.error.URLError, OSError):
            return False
        return accepts_connections(self.dicom_port, self.host)


@contextmanager
def orthanc(
    folder: Path,
    *,
    dicom_port: int | None = None,
    http_port: int | None = None,
    ae_title: str = "ORTHANC",
    reports_to: int | None = None,
    dicomweb: bool = False,
    host: str = "127.0.0.1",
    there: Sequence[str] = (),
    script: Path | None = None,
) -> Iterator[Orthanc]:
    """Run an Orthanc of our own that keeps its data in ``folder``; started again there, it still has them.

    ``reports_to``: the port of HOUNSFIELD, to which it sends its reports of storage commitment. With ``dicomweb`` it
    serves DICOMweb (PS3.18) under ``/dicom-web`` of its HTTP port. ``there`` is a command that runs it on another
    host, which has the address ``host``. ``script`` is a Lua script that it runs.

    It is killed at the end: its clean shutdown takes 3.5 s and adds nothing to what it has stored.
    """
    program = require_binary("Orthanc")
    if dicomweb and not DICOMWEB_PLUGIN.exists():
        skip_or_fail(f"orthanc-dicomweb is not installed: {DEBIAN_LINE}")
    folder.mkdir(parents=True, exist_ok=True)
    server = Orthanc(dicom_port or free_port(), http_port or free_port(), ae_title, folder / "orthanc.log", host)
    configuration = {
        "Name": "tests",
        "StorageDirectory": str(folder / "data"),
        "IndexDirectory": str(folder / "data"),
        "HttpPort": server.http_port,
        "DicomPort": server.dicom_port,
        "DicomAet": ae_title,
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowFind": True,
        "RemoteAccessAllowed": bool(there),
        "AuthenticationEnabled": False,
        "Plugins": [str(DICOMWEB_PLUGIN)] if dicomweb else [],
        "DicomWeb": {"Enable": dicomweb, "Root": "/dicom-web/"},
        "StableAge": 1,
        "LuaScripts": [] if script is None else [str(script)],
        "SaveJobs": False,
        "DicomModalities": {} if reports_to is None else {"hounsfield": ["HOUNSFIELD", "127.0.0.1", reports_to]},
    }
    settings = folder / "orthanc.json"
    settings.write_text(json.dumps(configuration))
    with running([*there, program, settings], server.log, ending=signal.SIGKILL, start_new_session=True) as process:
        wait_until(lambda: server.is_up() or ended(process, server.log), 30)
        yield server


def ended(process: subprocess.Popen[bytes], log: Path) -> bool:
    """Fail the test with the peer's own words if it has ended by itself; False while it runs."""
    if process.poll() is not None:
        pytest.fail(f"{process.args!r} ended with {process.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
    return False
