"""Writing a file so that it survives a power loss: temporary file, fsync, rename, fsync of the directory."""

import fcntl
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

Buffer = bytes | bytearray | memoryview

PART = ".part"
"""Suffix of a file that is being written. At start such files are left over from a crash."""


class FileOperations(Protocol):
    """The system calls of a durable write: tests put a failing or recording one in its place."""

    def create(self, path: Path) -> int:
        """Create a new file that only we may read; return its descriptor."""

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write some of ``data``; return how many bytes."""

    def write_at(self, descriptor: int, chunks: Sequence[Buffer], offset: int) -> int:
        """Write some of ``chunks``, one behind the other, from ``offset`` on; return how many bytes."""

    def fsync(self, descriptor: int) -> None:
        """Bring the file's bytes to the disk."""

    def close(self, descriptor: int) -> None:
        """Close the file."""

    def rename(self, source: Path, target: Path) -> None:
        """Give the file its final name."""

    def link(self, source: Path, target: Path) -> None:
        """Give the file a second name; raise FileExistsError where there is one of this name."""

    def fsync_directory(self, folder: Path) -> None:
        """Bring the names in ``folder`` to the disk."""

    def remove(self, path: Path) -> None:
        """Delete a file."""


class SystemFileOperations:
    """The operating system itself."""

    def create(self, path: Path) -> int:
        """Create with mode 0600."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write as much as the system takes at once."""
        return os.write(descriptor, data)

    def write_at(self, descriptor: int, chunks: Sequence[Buffer], offset: int) -> int:
        """Write as much as the system takes at once."""
        return os.pwritev(descriptor, chunks, offset)

    def fsync(self, descriptor: int) -> None:
        """Flush file data and metadata."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close; the lock goes with it."""
        os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Rename within one file system, replacing the target."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Make a hard link."""
        os.link(source, target)

    def fsync_directory(self, folder: Path) -> None:
        """Flush a directory's entries."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Unlink."""
        path.unlink()


def write_durably(operations: FileOperations, parts: Path, target: Path, chunks: Sequence[Buffer]) -> None:
    """Write ``chunks`` to ``target`` by way of a temporary file in ``parts`` (same file system).

    When it returns, the bytes and the name survive a power loss. On any failure neither the temporary nor the final
    file stays behind, and the ``OSError`` is raised on.
    """
    part = parts / (secrets.token_hex(16) + PART)
    descriptor = operations.create(part)
    left = part
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # by which another process sees that we live
            for chunk in chunks:
                _write_all(operations, descriptor, memoryview(chunk).cast("B"))
            operations.fsync(descriptor)
        finally:
            operations.close(descriptor)
        operations.rename(part, target)
        left = target
        operations.fsync_directory(target.parent)
    except BaseException:
        with suppress(OSError):
            operations.remove(left)
        raise


def _write_all(operations: FileOperations, descriptor: int, data: memoryview) -> None:
    while data:
        data = data[operations.write(descriptor, data) :]


def make_folder(path: Path, operations: FileOperations) -> None:
    """Create a folder (0700) and its parents, durably; an existing one is left as it is."""
    missing = [path, *path.parents]
    missing = missing[: next(index for index, folder in enumerate(missing) if folder.exists())]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        operations.fsync_directory(folder.parent)


def sync_path(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk: for what nobody acknowledges. Raise OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_way_to(folder: Path, operations: FileOperations) -> None:
    """Bring the names of a folder and of those it lies in to the disk, as far up as its file system goes.

    Whoever made them may have died before it did so. Folders that we may not read are their owner's affair.
    """
    for above in folder.absolute().parents:
        if above.stat().st_dev != folder.stat().st_dev:
            return
        with suppress(PermissionError):
            operations.fsync_directory(above)


def now_of(folder: Path) -> float:
    """Return what a file that is made in ``folder`` now is stamped with: on NFS, the time of the server.

    Ages of files are told by it: the clocks of the hosts that share a folder may be minutes apart. Raise OSError.
    """
    probe = folder / f".{secrets.token_hex(8)}{PART}"
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        return os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)
        probe.unlink()


def remove_abandoned_parts(folder: Path, spare_seconds: float = 0.0) -> int:
    """Delete the temporary files in ``folder`` whose writer is dead; return how many.

    Several processes may share it, so the file of a living writer (it holds a lock) stays, and one that is younger
    than ``spare_seconds``.
    """
    removed = 0
    now = now_of(folder) if spare_seconds else 0.0
    for part in folder.glob("*" + PART):
        with suppress(FileNotFoundError, BlockingIOError):
            if spare_seconds and now - part.stat().st_mtime < spare_seconds:
                continue
            descriptor = os.open(part, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
                removed += 1
            finally:
                os.close(descriptor)
    return removed
