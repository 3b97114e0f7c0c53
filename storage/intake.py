"""Where received instances become durable: slots, whose names are durable before their bytes come.

The order is the cheapest one that survives a power loss (docs/adr/0005-durable-before-acknowledged.md)::

    slots are made ahead, their folder is synced once for all of them
    bytes -> slot            head -> slot            fsync(slot)            the sender is told
    ... behind the answer, in batches ...
    hard link in objects/    database rows           fsync(objects/..)      the slot's name goes

Until its last step an instance has a durable name in ``incoming/``, so that whatever ends the process or the machine,
the next start finds it there (:meth:`Intake.adopt`), files it and registers it again without harm. A file system
without hard links costs a second copy of the bytes instead. What hosts that share a spool see of one another, and when,
stands in docs/adr/0017-a-spool-for-several-hosts.md.
"""

import errno
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from hounsfield.storage import writer_folders
from hounsfield.storage.durable import PART, FileOperations, write_durably
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.slot import Sealed, Slot, has_its_digest, read_sealed, spool_error
from hounsfield.storage.spool_lock import SpoolLock

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
"""How file systems say that they take no hard link here."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
_SLOT = ".slot"
_REPLACEMENT = "replacement"
_SLOTS_AHEAD = 32
"""Made at once, with one sync of their folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What the parts of a spool have in common."""

    incoming: Path
    objects: Path
    operations: FileOperations
    lock: SpoolLock
    gone: Callable[[str], object]
    """Called with the name of a process whose folder is empty and goes."""


class Intake:
    """The part of the spool that one process writes: ``incoming/<name>/``, locked while it lives.

    Any number of threads may hold slots; ``file`` and ``settle`` are called by one thread.
    """

    def __init__(self, folder: Path, places: "Places", lock: int) -> None:
        self.name = folder.name
        """Of the process whose folder it is."""
        self._folder = folder
        self._places = places
        self._objects = places.objects
        self._operations = places.operations
        self._lock = lock
        self._slots: deque[tuple[Path, int]] = deque()
        self._made = 0
        self._turn = threading.Lock()

    @classmethod
    def open(cls, places: "Places", name: str) -> "Intake":
        """Make and lock the folder of the process ``name``. Raise SpoolError."""
        if not _NAME.fullmatch(name) or name.startswith("."):
            raise SpoolError("a process that writes to the spool is named by letters, digits, '.', '-' and '_'")
        try:
            folder, lock = writer_folders.make(places.incoming, name)
        except OSError as error:
            raise spool_error(error) from error
        made = cls(folder, places, lock)
        made._begin()
        return made

    def _begin(self) -> None:
        try:
            self._operations.fsync_directory(self._folder.parent)
        except OSError as error:
            self.close()
            raise spool_error(error) from error

    @classmethod
    def adopt(cls, places: "Places", may_take: Callable[[str], bool]) -> Iterator["Intake"]:
        """Yield the folders of processes that are dead, each locked until the caller closes it.

        Dead are those whose lock is free, if ``may_take`` says so too of their name.
        """
        for folder in writer_folders.all_of(places.incoming):
            lock = writer_folders.take_over(folder)
            if lock is None:
                continue
            if not may_take(folder.name):
                writer_folders.let_be(lock)
                continue
            yield cls(folder, places, lock)

    def begin(self, transfer_syntax: str) -> Slot:
        """Return a slot for one instance. Raise SpoolFull or SpoolError."""
        with self._turn:
            if not self._slots:
                self._make_slots()
            path, descriptor = self._slots.popleft()
        return Slot(self._operations, path, descriptor, transfer_syntax)

    def _make_slots(self) -> None:
        made: list[tuple[Path, int]] = []
        try:
            for _ in range(_SLOTS_AHEAD):
                self._made += 1
                path = self._folder / f"{self._made:08d}{_SLOT}"
                made.append((path, self._operations.create(path)))
            self._operations.fsync_directory(self._folder)
        except OSError as error:
            self._discard(made)
            raise spool_error(error) from error
        self._slots.extend(made)

    def _discard(self, slots: Sequence[tuple[Path, int]]) -> None:
        for path, descriptor in slots:
            with suppress(OSError):
                self._operations.close(descriptor)
            with suppress(OSError):
                self._operations.remove(path)

    def files_stay(self) -> AbstractContextManager[object]:
        """Return the block in which instances are filed and recorded: no file goes meanwhile. It raises SpoolError."""
        return self._places.lock.files_stay()

    def file(self, sealed: Sealed) -> None:
        """Give a durable instance its place in ``objects/``; the same bytes again keep the first file.

        To be called in a :meth:`files_stay` block that ends after the row is recorded: the first file might go.
        Harmless when repeated. Raise SpoolFull or SpoolError.
        """
        target = place_of(self._objects, sealed.receipt.digest)
        try:
            self._place(sealed, target)
        except OSError as error:
            raise spool_error(error) from error

    def _place(self, sealed: Sealed, target: Path) -> None:
        try:
            try:
                self._operations.link(sealed.slot, target)
            except FileExistsError:
                if not self.is_filed(sealed):
                    self._replace(sealed, target)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if not self.is_filed(sealed):
                write_durably(self._operations, self._folder, target, (sealed.slot.read_bytes(),))

    def _replace(self, sealed: Sealed, target: Path) -> None:
        """Put it in place of one that is damaged, or that another host has deleted and we still saw."""
        # Not beside the target: what a crash leaves of it is found in our own folder.
        replacement = self._folder / _REPLACEMENT
        with suppress(FileNotFoundError):
            self._operations.remove(replacement)
        self._operations.link(sealed.slot, replacement)
        self._operations.rename(replacement, target)

    def settle(self, filed: Sequence[Sealed]) -> None:
        """Let go of the slots of instances that are filed and registered: their other name becomes durable first.

        Harmless when repeated. Raise SpoolError.
        """
        try:
            for shard in sorted({place_of(self._objects, sealed.receipt.digest).parent for sealed in filed}):
                self._operations.fsync_directory(shard)
            for sealed in filed:
                with suppress(FileNotFoundError):
                    self._operations.remove(sealed.slot)
        except OSError as error:
            raise spool_error(error) from error

    def withdraw(self, sealed: Sealed) -> None:
        """Let go of an instance that was not acknowledged after all; harmless when it is gone."""
        with suppress(OSError):
            self._operations.remove(sealed.slot)

    def leftovers(self) -> Iterator[Sealed]:
        """Yield what look like instances in this folder, and delete what never became one.

        Only for a folder that was adopted: what is not whole there was never acknowledged. Raise SpoolError.
        """
        try:
            for half in (self._folder / _REPLACEMENT, *self._folder.glob("*" + PART)):
                with suppress(FileNotFoundError):
                    self._operations.remove(half)
        except OSError as error:
            raise spool_error(error) from error
        for path in sorted(self._folder.glob("*" + _SLOT)):
            try:
                sealed = read_sealed(path)
                if sealed is None:
                    self._operations.remove(path)
                    continue
            except OSError as error:
                raise spool_error(error) from error
            yield sealed

    def is_filed(self, sealed: Sealed) -> bool:
        """Whether a whole file of these bytes lies in ``objects/`` already."""
        return (_size(place_of(self._objects, sealed.receipt.digest)) or 0) > sealed.receipt.size

    def is_whole(self, sealed: Sealed) -> bool:
        """Whether the bytes in a slot are those that its head names (a power loss may leave others); if not, it goes.

        If they are, they are durable from here on: a writer that was killed may not have synced them. Raise SpoolError.
        """
        try:
            with sealed.slot.open("rb") as file:
                if has_its_digest(sealed, file.fileno()):
                    self._operations.fsync(file.fileno())
                    return True
            self._operations.remove(sealed.slot)
        except OSError as error:
            raise spool_error(error) from error
        return False

    def close(self) -> None:
        """Remove what is not in use, and the lock; instances that are not settled stay for the next start.

        Harmless when repeated.
        """
        with self._turn:
            self._discard(self._slots)
            self._slots.clear()
            lock, self._lock = self._lock, -1
        if lock < 0:
            return
        is_empty = not any(self._folder.glob("*" + _SLOT))
        writer_folders.give_up(self._folder, lock, remove=is_empty)
        if is_empty:
            self._places.gone(self._folder.name)


def place_of(objects: Path, digest: str) -> Path:
    """Return where the file of a digest lies or would lie."""
    return objects / digest[:2] / f"{digest}.dcm"


def _size(path: Path) -> int | None:
    """Return the bytes of a file, None where there is none.

    It is opened: a client of NFS asks the server then (RFC 7530, section 10.3.1), where stat(2) may tell of a file that
    another host has deleted.
    """
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return None
