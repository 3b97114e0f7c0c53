"""File operations that keep a record of what they were asked, and fail where a test says so."""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hounsfield.storage.durable import Buffer, SystemFileOperations


@dataclass
class WatchedFileOperations:
    """The real operations, recorded by name; ``fail_at`` names one that raises ``error`` (an errno)."""

    fail_at: str | None = None
    error: int = errno.ENOSPC
    most_bytes: int | None = None
    """How much a single write takes, as a full disk or a signal would have it."""
    calls: list[str] = field(default_factory=list)
    real: SystemFileOperations = field(default_factory=SystemFileOperations)

    def _note(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fail_at:
            raise OSError(self.error, os.strerror(self.error))

    def create(self, path: Path) -> int:
        self._note("create")
        return self.real.create(path)

    def write(self, descriptor: int, data: memoryview) -> int:
        part = data[: self.most_bytes]
        if self.fail_at == "write":
            self.real.write(descriptor, part[: len(part) // 2])
        self._note("write")
        return self.real.write(descriptor, part)

    def write_at(self, descriptor: int, chunks: Sequence[Buffer], offset: int) -> int:
        whole = memoryview(b"".join(chunks))
        part = whole[: self.most_bytes]
        if self.fail_at == "write_at":
            self.real.write_at(descriptor, (part[: len(part) // 2],), offset)
        self._note("write_at")
        return self.real.write_at(descriptor, (part,), offset)

    def fsync(self, descriptor: int) -> None:
        self._note("fsync")
        self.real.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        self.calls.append("close")
        self.real.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self._note("rename")
        self.real.rename(source, target)

    def link(self, source: Path, target: Path) -> None:
        self._note("link")
        self.real.link(source, target)

    def fsync_directory(self, folder: Path) -> None:
        self._note("fsync_directory")
        self.real.fsync_directory(folder)

    def remove(self, path: Path) -> None:
        self._note("remove")
        self.real.remove(path)
