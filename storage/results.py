"""Finished result objects on disk: persisted before the first send, and always sent byte for byte as they lie."""

import fcntl
import hashlib
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from hounsfield.storage.durable import (
    Buffer,
    FileOperations,
    SystemFileOperations,
    make_folder,
    now_of,
    remove_abandoned_parts,
    write_durably,
)
from hounsfield.storage.errors import ResultFileError
from hounsfield.storage.spool_files import Patience

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_MAX_UID = 64
_ABANDONED_SECONDS = 86_400.0
"""A staged file that is older was left by somebody who died, or who lost the job that it belongs to."""


class ResultFiles:
    """``<home>/results/<sop instance uid>.dcm``. The UIDs are our own, never a sender's text.

    What a job leaves is staged first, under its digest too, and published while the job is locked: two who work at one
    job make objects of the same UIDs, and who has lost it must not replace a file of who has it.
    """

    def __init__(
        self,
        home: Path,
        operations: FileOperations | None = None,
        *,
        patience: Patience | None = None,
        alone: Callable[[], AbstractContextManager[object]] | None = None,
    ) -> None:
        """``patience``: for a folder that other hosts write to; ``alone``: their lock, see :meth:`alone`."""
        self.folder = home / "results"
        self._stage = self.folder / "staged"
        self._operations = operations or SystemFileOperations()
        self._patience = patience
        self._alone = alone or self._alone_on_this_machine

    def alone(self) -> AbstractContextManager[object]:
        """Return a block that one person of all has at a time who takes results back or has them written anew.

        Two who did it at once would write the same files. It raises StorageError.
        """
        return self._alone()

    @contextmanager
    def _alone_on_this_machine(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".recall.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def prepare(self, *, spare_seconds: float = 0.0) -> int:
        """Create the folder and delete what dead writers left; return how many files that were.

        Younger ones than ``spare_seconds`` may be those of other hosts, whose locks are not seen everywhere.
        """
        try:
            make_folder(self._stage, self._operations)
            parts = (remove_abandoned_parts(folder, spare_seconds) for folder in (self.folder, self._stage))
            return sum(parts) + self._remove_abandoned_stages()
        except OSError as error:
            raise ResultFileError(f"the results folder cannot be prepared ({error.strerror})") from error

    def write(self, uid: str, data: Buffer) -> str:
        """Make a result durable; return its SHA-256 (hex). A file that is there is replaced as a whole.

        Raise ResultFileError; nothing new is left behind then.
        """
        self._write(self.path(uid), data)
        return hashlib.sha256(data).hexdigest()

    def stage(self, uid: str, data: Buffer) -> str:
        """Make a result durable that nobody sees before it is published; return its SHA-256 (hex).

        Raise ResultFileError.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        self._write(self._staged(uid, sha256), data)
        return sha256

    def publish(self, staged: Collection[tuple[str, str]]) -> None:
        """Give staged results, by SOP Instance UID and SHA-256, their names: durably, and in the place of others.

        Raise ResultFileError; some of them may have their names then.
        """
        try:
            for uid, sha256 in staged:
                self._operations.rename(self._staged(uid, sha256), self.path(uid))
            if staged:
                self._operations.fsync_directory(self.folder)
        except OSError as error:
            raise ResultFileError(f"a result could not be written ({error.strerror}): check storage.home") from error

    def drop(self, staged: Collection[tuple[str, str]]) -> None:
        """Delete staged results that will not be published; harmless where they cannot be, or are gone."""
        for uid, sha256 in staged:
            with suppress(OSError):
                self._operations.remove(self._staged(uid, sha256))

    def _write(self, target: Path, data: Buffer) -> None:
        try:
            make_folder(target.parent, self._operations)
            write_durably(self._operations, target.parent, target, (data,))
        except OSError as error:
            raise ResultFileError(f"a result could not be written ({error.strerror}): check storage.home") from error

    def _staged(self, uid: str, sha256: str) -> Path:
        return self._stage / f"{self.path(uid).stem}.{sha256}"

    def _remove_abandoned_stages(self) -> int:
        removed, now = 0, now_of(self._stage)
        for path in self._stage.iterdir():
            with suppress(FileNotFoundError):
                if now - path.stat().st_mtime > _ABANDONED_SECONDS:
                    self._operations.remove(path)
                    removed += 1
        return removed

    def path(self, uid: str) -> Path:
        """Return where the result of this SOP Instance UID lies or would lie; raise ResultFileError if it is no UID."""
        if len(uid) > _MAX_UID or not _UID.fullmatch(uid):
            raise ResultFileError("a result is named by its SOP Instance UID: digits and dots, 64 at most")
        return self.folder / f"{uid}.dcm"

    def remove(self, uid: str) -> None:
        """Delete a result whose time has come; harmless when it is gone. Raise ResultFileError."""
        try:
            self._operations.remove(self.path(uid))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ResultFileError(f"a result could not be deleted ({error.strerror}): check storage.home") from error

    def uids(self) -> Iterator[str]:
        """Yield the SOP Instance UIDs of all files there are, in no order. Raise ResultFileError."""
        try:
            for path in self.folder.glob("*.dcm"):
                if _UID.fullmatch(path.stem):
                    yield path.stem
        except OSError as error:
            raise ResultFileError(f"the results folder cannot be read ({error.strerror})") from error

    def verify(self, uid: str, sha256: str) -> bool:
        """Whether the file is there and still has this SHA-256 (hex)."""
        if self._patience is not None:
            self._patience.wait_for(self.path(uid))
        try:
            with self.path(uid).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:
            return False
