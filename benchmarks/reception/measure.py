"""One measurement: a sender against a running server, from the first image to the last acknowledgement."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from common import usage
from images import Image
from servers import AE_TITLE, Running

_GRACE_SECONDS = 60.0
_ACKNOWLEDGED = b"Received Store Response (Success)"
_REPEATS = 100_000


class Sender(Enum):
    """Who sends. Each measurement uses new SOP Instance UIDs."""

    LEAN = "no Nagle"
    """sender.py: our own, TCP_NODELAY."""
    STOCK = "storescu"
    """DCMTK's, as it comes: Nagle on."""
    STOCK_NODELAY = "storescu nodelay"
    """The same with TCP_NODELAY=1."""


@dataclass(frozen=True)
class Amount:
    """What one measurement sends: at most so many images, in all, for at most so long."""

    images: int
    seconds: float


@dataclass(frozen=True)
class Sample:
    """What one measurement saw."""

    images_per_second: float
    cpu_ms_per_image: float
    """Of the server, user and system, all its processes."""
    peak_memory_mb: float
    """Of the server since the measurement began."""
    p50_ms: float | None
    """From the first byte of an image to its acknowledgement; unknown for storescu."""
    p99_ms: float | None
    sender_cpu_ms: float | None


class MeasurementFailed(Exception):
    """The sender did not get its images stored."""


def measure(target: Running, sender: Sender, associations: int, amount: Amount, image: Image) -> Sample:
    """Measure once. Raise MeasurementFailed."""
    usage.reset_peak_memory(target.pid)
    if sender is Sender.LEAN:
        return _measure_lean(target, associations, amount, image)
    return _measure_storescu(target, sender, amount, image)


def _measure_lean(target: Running, associations: int, amount: Amount, image: Image) -> Sample:
    command = [sys.executable, str(Path(__file__).with_name("sender.py"))]
    command += ["--port", str(target.port), "--called", AE_TITLE, "--image", str(image.dataset)]
    command += ["--associations", str(associations), "--images", str(amount.images), "--seconds", str(amount.seconds)]
    with _started(command, amount, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != b"ready\n":
            raise MeasurementFailed(_last_words(process))
        before = usage.cpu_seconds(target.pid)
        process.stdin.write(b"go\n")
        process.stdin.flush()
        line = process.stdout.readline()
        cpu, memory = usage.cpu_seconds(target.pid) - before, usage.peak_memory(target.pid)
        if not line:
            raise MeasurementFailed(_last_words(process))
        said = json.loads(line)
        process.communicate(b"end\n", timeout=_GRACE_SECONDS)
    sent, latencies = said["images"], said["latencies"]
    return Sample(
        images_per_second=sent / said["seconds"],
        cpu_ms_per_image=1e3 * cpu / sent,
        peak_memory_mb=memory / 2**20,
        p50_ms=1e3 * _quantile(latencies, 0.5),
        p99_ms=1e3 * _quantile(latencies, 0.99),
        sender_cpu_ms=1e3 * said["sender_cpu_seconds"] / sent,
    )


def _measure_storescu(target: Running, sender: Sender, amount: Amount, image: Image) -> Sample:
    """Count the acknowledgements that storescu reports, from the first one on: its start does not count."""
    command = ["storescu", "--verbose", "--invent-instance", "--repeat", str(_REPEATS), "--call", AE_TITLE]
    command += ["127.0.0.1", str(target.port), str(image.file)]
    times: list[float] = []
    before = 0.0
    said = b""
    nodelay = {"TCP_NODELAY": "1"} if sender is Sender.STOCK_NODELAY else {}
    environment = {key: value for key, value in os.environ.items() if key != "TCP_NODELAY"} | nodelay
    with _started(command, amount, stderr=subprocess.STDOUT, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said = line
            if not line.startswith(b"I: " + _ACKNOWLEDGED):
                continue
            times.append(time.perf_counter())
            if len(times) == 1:
                before = usage.cpu_seconds(target.pid)
            if len(times) > amount.images or times[-1] - times[0] > amount.seconds:
                break
        cpu, memory = usage.cpu_seconds(target.pid) - before, usage.peak_memory(target.pid)
    if len(times) < 2:
        raise MeasurementFailed(f"storescu: {said.decode(errors='replace').strip()}")
    sent = len(times) - 1
    return Sample(
        images_per_second=sent / (times[-1] - times[0]),
        cpu_ms_per_image=1e3 * cpu / sent,
        peak_memory_mb=memory / 2**20,
        p50_ms=None,
        p99_ms=None,
        sender_cpu_ms=None,
    )


@contextmanager
def _started(command: list[str], amount: Amount, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a sender; it is killed at the end of the block, or when it takes far too long."""
    process: subprocess.Popen[bytes] = subprocess.Popen(command, stdout=subprocess.PIPE, **options)  # type: ignore[call-overload]
    overdue = threading.Timer(amount.seconds + _GRACE_SECONDS, process.kill)
    overdue.start()
    try:
        yield process
    finally:
        overdue.cancel()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()


def _last_words(process: subprocess.Popen[bytes]) -> str:
    process.kill()
    assert process.stderr is not None
    words = process.stderr.read().decode(errors="replace").strip()
    return words.splitlines()[-1] if words else "the sender took too long"


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
