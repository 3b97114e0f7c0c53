"""The first durable hand-over: a folder of received instances, one file each, named by their own digest."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from hounsfield.storage import spool_lock, writer_folders
from hounsfield.storage.durable import FileOperations, SystemFileOperations, make_folder, sync_way_to
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.intake import Intake, Places, place_of
from hounsfield.storage.slot import Sealed, Slot
from hounsfield.storage.spool_format import Head, Provenance, decode_head, digest_of
from hounsfield.storage.spool_lock import FolderLock, SpoolLock
from hounsfield.storage.writer_book import OneMachine, WriterBook

__all__ = ["DiskSpace", "Head", "Intake", "Provenance", "Sealed", "Slot", "Spool", "digest_of"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = ".dcm"
_MOST_HEAD_BYTES = 64 * 1024
"""More than a head of any version has."""
_REMOVED_AT_ONCE = 64
"""Files that go while reception waits: a slow disk takes milliseconds for each."""


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """What the spool's file system has, in bytes."""

    free: int
    """Left for us."""
    total: int


class Spool:
    """Received files under ``objects/<2 hex>/<digest>.dcm``; what is not registered yet lies in ``incoming/`` too.

    No name comes from DICOM text. Any number of threads and processes may write at once, each process with an
    :class:`~hounsfield.storage.intake.Intake` of its own.
    """

    def __init__(
        self,
        folder: Path,
        operations: FileOperations | None = None,
        *,
        lock: SpoolLock | None = None,
        writers: WriterBook | None = None,
    ) -> None:
        """``lock`` and ``writers``: those of this machine, unless the spool is shared with others."""
        self.folder = folder
        self._operations = operations or SystemFileOperations()
        self._objects = folder / "objects"
        self._leaving = folder / "leaving"
        self._lock = lock or FolderLock(folder)
        self._writers = writers or OneMachine()
        self.places = Places(
            incoming=folder / "incoming",
            objects=self._objects,
            operations=self._operations,
            lock=self._lock,
            gone=self._writers.gone,
        )

    def prepare(self) -> None:
        """Create the folders and make them durable, whoever made them. Raise SpoolError where that cannot be done."""
        try:
            for folder in (self._objects, self.places.incoming):
                make_folder(folder, self._operations)
            for shard in self.shards():
                (self._objects / shard).mkdir(mode=0o700, exist_ok=True)
            self._operations.fsync_directory(self._objects)
            sync_way_to(self._objects, self._operations)
        except OSError as error:
            raise SpoolError(f"the spool folder cannot be prepared ({_why(error)}): check storage.spool") from error

    def open_intake(self, name: str) -> Intake:
        """Return what the process ``name`` writes instances with; close it in the end. Raise StorageError."""
        self._writers.announce(name)
        return Intake.open(self.places, name)

    def abandoned_intakes(self) -> Iterator[Intake]:
        """Yield what dead processes left, each locked until it is closed. Raise StorageError."""
        try:
            yield from Intake.adopt(self.places, self._writers.may_take)
        except OSError as error:
            raise SpoolError(f"the spool folder cannot be read ({_why(error)}): check storage.spool") from error

    def writers(self) -> set[str]:
        """Return the names of the processes that write to the spool now, on any host. Raise StorageError."""
        return writer_folders.living(self.places.incoming) | self._writers.living()

    def path(self, digest: str) -> Path:
        """Return where the file of ``digest`` lies or would lie; raise SpoolError if it is no digest."""
        if not is_digest(digest):
            raise SpoolError("a spool file is named by 64 hexadecimal digits")
        return place_of(self._objects, digest)

    def shards(self) -> Iterator[str]:
        """Yield the first digits that files are sorted by."""
        return (f"{shard:02x}" for shard in range(256))

    def digests(self, shard: str | None = None) -> Iterator[str]:
        """Yield the digest of every file, or of those in one shard, in no order."""
        for one in self.shards() if shard is None else (shard,):
            with os.scandir(self._objects / one) as entries:
                for entry in entries:
                    digest = entry.name.removesuffix(_SUFFIX)
                    if digest != entry.name and _DIGEST.fullmatch(digest):
                        yield digest

    def head(self, digest: str) -> Head:
        """Return preamble and file meta of a file as we wrote them; raise SpoolError if it is missing or not ours."""
        return read_head(self.path(digest))

    def files_stay(self) -> AbstractContextManager[object]:
        """Return a block in which files and rows are compared: neither goes meanwhile. It raises SpoolError."""
        return self._lock.files_stay()

    def files_may_go(self) -> AbstractContextManager[Callable[[], None]]:
        """Return a block that one process of all has at a time; what it gives, and it, raise SpoolError."""
        return self._lock.files_may_go()

    def remove(
        self, forget: Callable[[], Sequence[str] | None], registered: Callable[[Sequence[str]], set[str]]
    ) -> int:
        """Call ``forget``, which deletes rows and returns their digests, and delete the files; return how many.

        Nobody files or records while it forgets, nor while some of the files go: a disk may take seconds for all of
        them. What comes again in between is ``registered`` by then, and stays. A file that stays without a row, since
        the process dies, the disk refuses or the spool is too busy, is registered again at the next start.
        Raise SpoolError, and whatever the two raise.
        """
        self.finish_removal(registered)
        with self._lock.files_may_go():
            digests = tuple(forget() or ())
        gone: set[Path] = set()
        for first in range(0, len(digests), _REMOVED_AT_ONCE):
            spool_lock.let_others_in()
            gone.update(self._remove_some(digests[first : first + _REMOVED_AT_ONCE], registered))
        self._sync_shards(gone)
        return len(gone)

    def _remove_some(self, some: Sequence[str], registered: Callable[[Sequence[str]], set[str]]) -> list[Path]:
        with self._lock.files_may_go() as check:
            kept = registered(some)
            going = [self.path(digest) for digest in some if digest not in kept]
            if not self._lock.can_be_lost:
                for path in going:
                    self._unlink(path)
                return going
            self._set_aside(going)
            check()
            for path in going:
                self._unlink(self._leaving / path.name)
        return going

    def _set_aside(self, paths: Sequence[Path]) -> None:
        """Move files to where they can be taken back from: what cannot be undone waits until the lock was held."""
        try:
            make_folder(self._leaving, self._operations)
        except OSError as error:
            raise SpoolError(f"a spool file cannot be deleted ({_why(error)})") from error
        for path in paths:
            self._move(path, self._leaving / path.name)

    def _move(self, source: Path, target: Path) -> None:
        try:
            self._operations.rename(source, target)
        except FileNotFoundError:
            pass  # another host was faster, or NFS answers a repeated request
        except OSError as error:
            raise SpoolError(f"a spool file cannot be moved ({_why(error)})") from error

    def finish_removal(self, registered: Callable[[Sequence[str]], set[str]]) -> int:
        """Put back files that somebody set aside and lost the lock over, where they have rows; return how many.

        The others go. Raise SpoolError, and whatever ``registered`` raises.
        """
        if not self._lock.can_be_lost or not (left := self._left_aside()):
            return 0
        with self._lock.files_may_go() as check:
            kept = registered(left)
            for digest in kept:
                self._move(self._leaving / f"{digest}{_SUFFIX}", self.path(digest))
            check()
            for digest in set(left) - kept:
                self._unlink(self._leaving / f"{digest}{_SUFFIX}")
        self._sync_shards([self.path(digest) for digest in kept])
        return len(kept)

    def _left_aside(self) -> list[str]:
        return [path.stem for path in self._leaving.glob(f"*{_SUFFIX}") if _DIGEST.fullmatch(path.stem)]

    def _unlink(self, path: Path) -> None:
        try:
            self._operations.remove(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise SpoolError(f"a spool file cannot be deleted ({_why(error)})") from error

    def _sync_shards(self, paths: Collection[Path]) -> None:
        try:
            for shard in sorted({path.parent for path in paths}):
                self._operations.fsync_directory(shard)
        except OSError as error:
            raise SpoolError(f"the spool folder cannot be synced ({_why(error)})") from error

    def space(self) -> DiskSpace:
        """Return how much room the spool's file system has. Raise SpoolError."""
        try:
            found = os.statvfs(self.folder)
        except OSError as error:
            raise SpoolError(f"the spool's disk cannot be asked for its space ({_why(error)})") from error
        return DiskSpace(free=found.f_bavail * found.f_frsize, total=found.f_blocks * found.f_frsize)


def is_digest(text: str) -> bool:
    """Whether a file can be named by this: 64 hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def read_head(path: Path) -> Head:
    """Return the head of a spool file; raise SpoolError if it is missing or not ours."""
    try:
        with path.open("rb") as file:
            return decode_head(file.read(_MOST_HEAD_BYTES))
    except OSError as error:
        raise SpoolError(f"a spool file cannot be read ({_why(error)})") from error


def is_whole(content: bytes, digest: str) -> bool:
    """Whether these are the bytes of a spool file and its data set has this digest."""
    try:
        head = decode_head(content[:_MOST_HEAD_BYTES])
    except SpoolError:
        return False
    return head.digest == digest == digest_of(head.provenance.transfer_syntax, memoryview(content)[head.length :])


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
