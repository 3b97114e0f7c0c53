"""What a slice costs the worker in memory of its own, from two lengths of one series: small slices, whole volumes."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LENGTHS = (600, 3000)

_READ = """
import sys, time
from dataclasses import replace
from pathlib import Path
from hounsfield.model.decoding.decoder import Decoder
from hounsfield.model.headers import read_header
from hounsfield.model.volume import VolumeReader
path, count = Path(sys.argv[1]), int(sys.argv[2])
headers = [replace(read_header(path), position=(0.0, 0.0, float(k))) for k in range(count)]
started = time.perf_counter()
with Decoder(seconds=600, memory_bytes=1 << 32) as decoder:
    with VolumeReader(folder=path.parent, decoder=decoder).open(headers) as volume:
        volume.load()
        seconds = time.perf_counter() - started
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["RssAnon"].split()[0]), seconds)
"""


@dataclass(frozen=True)
class Memory:
    """A series of one length."""

    slices: int
    anonymous_mib: float
    seconds: float


def measure(path: Path) -> list[Memory]:
    """Read the series at both lengths, each in a process of its own."""
    found = []
    for count in LENGTHS:
        command = [sys.executable, "-c", _READ, str(path), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        anonymous, seconds = done.stdout.split()
        found.append(Memory(count, int(anonymous) / 1024, float(seconds)))
    return found


def slope_kib(measured: list[Memory]) -> float:
    """KiB of anonymous memory per slice."""
    few, many = measured
    return (many.anonymous_mib - few.anonymous_mib) * 1024 / (many.slices - few.slices)
