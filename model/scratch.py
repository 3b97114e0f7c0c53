"""The HU of one series in a file that has no name: as large as the disk allows, and gone with the process.

It is written through the file and read through a memory map, so that neither a long series nor a full disk can take
the process with it: a write into a map of a full disk would end the process, a write into the file says so.
"""

import contextlib
import errno
import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np

from hounsfield.model.errors import PixelError, ScratchError
from hounsfield.model.findings import Rejection
from hounsfield.model.pixels import Hu

MOST_BYTES: Final = 8 * 1024**3
"""Of one series: 16,000 slices of 512 x 512."""
RESERVE_BYTES: Final = 256 * 1024**2
"""Free space that is left to others."""
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

Place = tuple[int, int, int]
"""Offset in the file, rows, columns of a slice."""


class Scratch:
    """Room for slices of given sizes, each written once and readable from then on. Threads may share one.

    Each slice has room for float32; one of int16 takes half of it, and what is not written takes no space.
    """

    def __init__(
        self,
        folder: Path,
        shapes: Sequence[tuple[int, int]],
        *,
        most_bytes: int = MOST_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        """Make the file below ``folder`` for slices of ``shapes`` (rows, columns).

        Raises:
            PixelError: TOO_LARGE, if they need more than ``most_bytes`` even as int16.
            ScratchError: the file cannot be made, or the disk has less free than they need and ``reserve_bytes``.
        """
        needed = sum(2 * rows * columns for rows, columns in shapes)
        if needed > most_bytes:
            raise PixelError(Rejection.TOO_LARGE, f"{len(shapes)} slices do not fit into the space set aside for them")
        self.places = _places(shapes)
        self._left = most_bytes
        with _translated():
            self.file = _unnamed(folder)
        try:
            with _translated():
                self._check_space(needed + reserve_bytes)
                size = sum(4 * rows * columns for rows, columns in shapes) + mmap.PAGESIZE * (len(shapes) + 1)
                os.ftruncate(self.file, size)
                self._map = mmap.mmap(self.file, size, access=mmap.ACCESS_READ)
        except BaseException:
            os.close(self.file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the space back; slices that somebody still holds keep theirs until they let go."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1
        del self._map

    def write(self, number: int, hu: Hu) -> None:
        """Keep a slice. Raises ScratchError, and PixelError if the series needs more than was set aside for it."""
        self.count(hu.nbytes)
        with _translated():
            write_at(self.file, self.places[number], hu)

    def count(self, written: int) -> None:
        """Count bytes that another process has written. Raises PixelError as :meth:`write`."""
        self._left -= written
        if self._left < 0:
            raise PixelError(Rejection.TOO_LARGE, "the series does not fit into the space set aside for it")

    def read(self, number: int, *, whole: bool) -> Hu:
        """Return a slice as it was written, without copying: int16 if ``whole``, else float32; not writable."""
        offset, rows, columns = self.places[number]
        count = rows * columns
        if whole:
            return np.frombuffer(self._map, np.int16, count, offset).reshape(rows, columns)
        return np.frombuffer(self._map, np.float32, count, offset).reshape(rows, columns)

    def _check_space(self, needed: int) -> None:
        disk = os.fstatvfs(self.file)
        free = disk.f_bavail * disk.f_frsize
        if free < needed:
            raise ScratchError(f"{needed >> 20} MiB are needed for the slices of a series, {free >> 20} MiB are free")


def write_at(file: int, place: Place, hu: Hu) -> None:
    """Write a slice into a scratch file, whole. Raises OSError."""
    offset, rows, columns = place
    if hu.shape != (rows, columns):
        raise ValueError("a slice of another size than there is room for")
    left = np.ascontiguousarray(hu).data.cast("B")
    while left:
        written = os.pwrite(file, left, offset)
        offset += written
        left = left[written:]


def _places(shapes: Sequence[tuple[int, int]]) -> tuple[Place, ...]:
    places: list[Place] = []
    offset = 0
    for rows, columns in shapes:
        places.append((offset, rows, columns))
        offset += -(-4 * rows * columns // mmap.PAGESIZE) * mmap.PAGESIZE
    return tuple(places)


def _unnamed(folder: Path) -> int:
    """An open file without a name: nothing is left of it when the process ends, in whatever way."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT):
            raise
    file, name = tempfile.mkstemp(dir=folder)  # a file system without O_TMPFILE
    Path(name).unlink()
    return file


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        words = "no space is left for" if error.errno in _NO_SPACE else "there is no file for"
        raise ScratchError(f"{words} the slices of a series ({error.strerror})") from None
