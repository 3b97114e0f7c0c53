"""Room on the disks."""

import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from hounsfield.storage.alarms import AlarmKind, Condition

MARGIN_PERCENT = 1.0
"""So much more must be free for the alarm to end: what is written and removed at the border would raise many."""


class DiskProbe:
    """Free space of each folder's file system."""

    kinds = (AlarmKind.DISK,)
    seconds = 30.0

    def __init__(self, folders: Mapping[str, Path], least_percent: float) -> None:
        """``folders`` by what lies there: ``spool``, ``home``. Those of one file system are told of as the first."""
        self._folders = folders
        self._least = least_percent
        self._full: frozenset[str] = frozenset()

    def conditions(self, now: datetime) -> list[Condition]:  # noqa: ARG002
        """Return the file systems that are nearly full, or cannot be asked."""
        found = list(self._look())
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
            least = self._least + (MARGIN_PERCENT if name in self._full else 0.0)
            if device not in seen and free < least:
                detail = {"folder": str(folder), "free_percent": round(free), "free_gb": round(space.free / 1e9)}
                yield Condition(kind=AlarmKind.DISK, subject=name, detail=detail)
            seen.add(device)
