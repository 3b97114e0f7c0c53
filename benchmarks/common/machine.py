"""What a reader must know about the machine: figures without it are worth nothing."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

LIBRARIES = ("tensorflow", "keras", "onnxruntime", "numpy", "pydicom", "pynetdicom", "imagecodecs", "highdicom")
LIBRARIES += ("sqlalchemy", "scipy")
PROGRAMS: Mapping[str, Sequence[str]] = {"Orthanc": ("Orthanc", "--version"), "DCMTK": ("storescu", "--version")}
_SYNCS = 40
_BLOCK = bytes(4096)


def machine(folder: Path | None = None) -> dict[str, Any]:
    """Return processor, cores, memory, kernel, how long a sync takes in ``folder``, and versions."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "sync_ms": round(sync_ms(folder), 2),
        "python": platform.python_version(),
        "libraries": {name: version for name in LIBRARIES if (version := _library(name))},
        "programs": {name: version for name, command in PROGRAMS.items() if (version := _program(command))},
    }


def load() -> float:
    """Return the load average of the last minute: with more than there are cores, rates mean little."""
    return round(os.getloadavg()[0], 2)


def sync_ms(folder: Path | None = None) -> float:
    """Return the median milliseconds of writing and syncing 4 KiB."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_SYNCS):
            began = time.perf_counter()
            os.write(file.fileno(), _BLOCK)
            os.fsync(file.fileno())
            taken.append(1000 * (time.perf_counter() - began))
    return median(taken)


def _processor() -> str:
    with suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        if found:
            return found[1].strip()
    return platform.machine()


def _library(name: str) -> str | None:
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return None


def _program(command: Sequence[str]) -> str | None:
    program = shutil.which(command[0], path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin")))
    if program is None:
        return None
    said = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)
    return found[0] if found else None
