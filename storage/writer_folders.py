"""Folders of which each belongs to one process: ``incoming/<name>/``, with a lock that is held while the process lives.

The locks count between processes of one machine only; of other hosts :mod:`hounsfield.storage.writer_book` knows.

Making, taking over and removing them happens under one more lock, ``lock`` beside ``incoming/``: nobody meets a folder
that is only half made or half removed, and one without its lock is what a power loss left.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = "lock"


def make(incoming: Path, name: str) -> tuple[Path, int]:
    """Make the folder of this process; return it and the descriptor that holds its lock. Raise OSError."""
    folder = incoming / name
    with _alone(incoming):
        folder.mkdir(mode=0o700)
        lock = _lock(folder)
    assert lock is not None, "nobody else can have met it"
    return folder, lock


def take_over(folder: Path) -> int | None:
    """Lock the folder of a dead process; None when its process lives, or when it is gone. Raise OSError."""
    with _alone(folder.parent), suppress(FileNotFoundError):
        return _lock(folder)
    return None


def let_be(lock: int) -> None:
    """Let the lock of a folder go that somebody else is to have."""
    os.close(lock)


def give_up(folder: Path, lock: int, *, remove: bool) -> None:
    """Let the lock go, and with ``remove`` the folder too, unless there is something in it."""
    try:
        with suppress(OSError), _alone(folder.parent):
            if remove:
                (folder / LOCK).unlink(missing_ok=True)
            # NFS keeps a file that is open under another name, and the folder with it.
            lock = _closed(lock)
            if remove:
                folder.rmdir()
    finally:
        _closed(lock)


def _closed(descriptor: int) -> int:
    if descriptor >= 0:
        os.close(descriptor)
    return -1


def all_of(incoming: Path) -> list[Path]:
    """Return the folders of processes, living and dead. Raise OSError."""
    return sorted(path for path in incoming.iterdir() if path.is_dir())


def living(incoming: Path) -> set[str]:
    """Return the names of the processes that hold a folder now. Raise OSError."""
    with _alone(incoming):
        return {folder.name for folder in all_of(incoming) if _is_held(folder)}


@contextmanager
def _alone(incoming: Path) -> Iterator[None]:
    descriptor = os.open(incoming.with_name(LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path) -> int | None:
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _is_held(folder: Path) -> bool:
    if not (folder / LOCK).exists():
        return False
    descriptor = _lock(folder)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False
