"""Room on the disks."""

import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from hounsfield.daemon.alarms.others import Others, nobody
from hounsfield.daemon.alarms.words import subject
from hounsfield.daemon.beats import HOME_FREE
from hounsfield.storage.alarms import AlarmKind, Condition

MARGIN_PERCENT = 1.0
"""So much more must be free for the alarm to end: what is written and removed at the border would raise many."""


class DiskProbe:
    """Free space of each folder's file system, and of those that other hosts tell of."""

    kinds = (AlarmKind.DISK,)
    seconds = 30.0

    def __init__(self, folders: Mapping[str, Path], least_percent: float, others: Others = nobody) -> None:
        """``folders`` by what lies there: ``spool``, ``home``. Those of one file system are told of as the first."""
        self._others = others
        self._folders = folders
        self._least = least_percent
        self._full: frozenset[str] = frozenset()

    def conditions(self, now: datetime) -> list[Condition]:
        """Return the file systems that are nearly full, or cannot be asked. Raise StorageError."""
        found = [*self._look(), *self._look_elsewhere(now)]
        self._full = frozenset(one.subject for one in found)
        return found

    def _look(self) -> Iterator[Condition]:
        seen: set[int] = set()
        for name, folder in self._folders.items():
            try:
                device, space = folder.stat().st_dev, shutil.disk_usage(folder)
            except OSError as error:
                problem = error.strerror or type(error).__name__
                yield Condition(kind=AlarmKind.DISK, subject=name, detail={"folder": str(folder), "problem": problem})
                continue
            free = 100.0 * space.free / space.total if space.total else 0.0
            if device not in seen and free < self._least_of(name):
                detail = {"folder": str(folder), "free_percent": round(free), "free_gb": round(space.free / 1e9)}
                yield Condition(kind=AlarmKind.DISK, subject=name, detail=detail)
            seen.add(device)

    def _look_elsewhere(self, now: datetime) -> Iterator[Condition]:
        told = [(one.host, one.facts.get(HOME_FREE)) for one in self._others(now)]
        for host, free in {host: free for host, free in told if isinstance(free, int | float)}.items():
            name = subject(f"home of {host}")
            if free < self._least_of(name):
                yield Condition(kind=AlarmKind.DISK, subject=name, detail={"free_percent": round(free)})

    def _least_of(self, name: str) -> float:
        return self._least + (MARGIN_PERCENT if name in self._full else 0.0)
