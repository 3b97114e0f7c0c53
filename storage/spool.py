"""The first durable hand-over: a folder of received instances, one file each, named by their own digest."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from hounsfield.storage import spool_lock
from hounsfield.storage.durable import FileOperations, SystemFileOperations, make_folder, sync_way_to
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.intake import Intake, Sealed, Slot, place_of
from hounsfield.storage.records import InstanceReceipt
from hounsfield.storage.spool_format import Head, Provenance, decode_head, digest_of

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

    def __init__(self, folder: Path, operations: FileOperations | None = None) -> None:
        self.folder = folder
        self._operations = operations or SystemFileOperations()
        self._objects = folder / "objects"
        self._incoming = folder / "incoming"

    def prepare(self) -> None:
        """Create the folders and make them durable, whoever made them. Raise SpoolError where that cannot be done."""
        try:
            for folder in (self._objects, self._incoming):
                make_folder(folder, self._operations)
            for shard in self.shards():
                (self._objects / shard).mkdir(mode=0o700, exist_ok=True)
            self._operations.fsync_directory(self._objects)
            sync_way_to(self._objects, self._operations)
        except OSError as error:
            raise SpoolError(f"the spool folder cannot be prepared ({_why(error)}): check storage.spool") from error

    def open_intake(self, name: str) -> Intake:
        """Return what the process ``name`` writes instances with; close it in the end. Raise SpoolError."""
        return Intake.open(self._incoming, self._objects, name, self._operations)

    def abandoned_intakes(self) -> Iterator[Intake]:
        """Yield what dead processes left, each locked until it is closed. Raise SpoolError."""
        try:
            yield from Intake.adopt(self._incoming, self._objects, self._operations)
        except OSError as error:
            raise SpoolError(f"the spool folder cannot be read ({_why(error)}): check storage.spool") from error

    def writers(self) -> set[str]:
        """Return the names of the processes that write to the spool now."""
        return Intake.living(self._incoming)

    def path(self, digest: str) -> Path:
        """Return where the file of ``digest`` lies or would lie; raise SpoolError if it is no digest."""
        if not _DIGEST.fullmatch(digest):
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
        try:
            with self.path(digest).open("rb") as file:
                return decode_head(file.read(_MOST_HEAD_BYTES))
        except OSError as error:
            raise SpoolError(f"a spool file cannot be read ({_why(error)})") from error

    def provenance(self, digest: str) -> Provenance:
        """Return who sent the file and when; raises as :meth:`head`."""
        return self.head(digest).provenance

    def receipt(self, digest: str) -> InstanceReceipt:
        """Rebuild the database row of a file; raises as :meth:`head`."""
        return self.head(digest).receipt

    def verify(self, digest: str) -> bool:
        """Whether the file is there and its data set still has this digest."""
        try:
            head = self.head(digest)
            data = memoryview(self.path(digest).read_bytes())[head.length :]
        except (SpoolError, OSError):
            return False
        return head.digest == digest == digest_of(head.provenance.transfer_syntax, data)

    def files_stay(self) -> AbstractContextManager[None]:
        """Return a block in which files and rows are compared: neither goes meanwhile. It raises SpoolError."""
        return spool_lock.files_stay(self.folder)

    def remove(
        self, forget: Callable[[], Sequence[str] | None], registered: Callable[[Sequence[str]], set[str]]
    ) -> int:
        """Call ``forget``, which deletes rows and returns their digests, and delete the files; return how many.

        Nobody files or records while it forgets, nor while some of the files go: a disk may take seconds for all of
        them. What comes again in between is ``registered`` by then, and stays. A file that stays without a row, since
        the process dies, the disk refuses or the spool is too busy, is registered again at the next start.
        Raise SpoolError, and whatever the two raise.
        """
        with spool_lock.files_may_go(self.folder):
            digests = tuple(forget() or ())
        gone: set[Path] = set()
        for first in range(0, len(digests), _REMOVED_AT_ONCE):
            some = digests[first : first + _REMOVED_AT_ONCE]
            spool_lock.let_others_in()
            with spool_lock.files_may_go(self.folder):
                kept = registered(some)
                gone.update(self._unlink(digest) for digest in some if digest not in kept)
        self._sync_shards(gone)
        return len(gone)

    def _unlink(self, digest: str) -> Path:
        path = self.path(digest)
        try:
            self._operations.remove(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise SpoolError(f"a spool file cannot be deleted ({_why(error)})") from error
        return path

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


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
