"""What the kernel says of a process: CPU time, memory, threads, descriptors (proc(5))."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_NOT_COUNTED = (".slot", ".db", ".db-wal", ".db-shm")
"""Slots that the spool has made ahead come and go. Connections to the database are opened when several threads ask at
once, and kept: the size of the pool bounds them."""
_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look at a process. Raises OSError once it has ended."""

    cpu_seconds: float
    rss_mb: float
    threads: int
    descriptors: int
    """But for those of :data:`_NOT_COUNTED`."""

    @classmethod
    def of(cls, pid: int) -> "Vitals":
        proc = Path(f"/proc/{pid}")
        # behind the name, which may hold anything: state is field 3, utime 14, stime 15, num_threads 20, rss 24
        fields = (proc / "stat").read_text().rpartition(")")[2].split()
        return cls(
            cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
            rss_mb=int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / _MB,
            threads=int(fields[17]),
            descriptors=sum(not name.endswith(_NOT_COUNTED) for name in _open_files(proc / "fd")),
        )


def _open_files(folder: Path) -> list[str]:
    names = []
    for link in folder.iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            names.append(str(link.readlink()).removesuffix(" (deleted)"))
    return names
