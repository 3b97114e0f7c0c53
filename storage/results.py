"""Finished result objects on disk: persisted before the first send, and always sent byte for byte as they lie."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from hounsfield.storage.durable import (
    Buffer,
    FileOperations,
    SystemFileOperations,
    make_folder,
    remove_abandoned_parts,
    write_durably,
)
from hounsfield.storage.errors import ResultFileError
from hounsfield.storage.spool_files import Patience

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_MAX_UID = 64


class ResultFiles:
    """``<home>/results/<sop instance uid>.dcm``. The UIDs are our own, never a sender's text."""

    def __init__(
        self, home: Path, operations: FileOperations | None = None, *, patience: Patience | None = None
    ) -> None:
        """``patience``: for a folder that other hosts write to."""
        self.folder = home / "results"
        self._operations = operations or SystemFileOperations()
        self._patience = patience

    def prepare(self, *, spare_seconds: float = 0.0) -> int:
        """Create the folder and delete what dead writers left; return how many files that were.

        Younger ones than ``spare_seconds`` may be those of other hosts, whose locks are not seen everywhere.
        """
        try:
            make_folder(self.folder, self._operations)
            return remove_abandoned_parts(self.folder, spare_seconds)
        except OSError as error:
            raise ResultFileError(f"the results folder cannot be prepared ({error.strerror})") from error

    def write(self, uid: str, data: Buffer) -> str:
        """Make a result durable; return its SHA-256 (hex). A file that is there is replaced as a whole.

        Raise ResultFileError; nothing new is left behind then.
        """
        target = self.path(uid)
        try:
            make_folder(self.folder, self._operations)
            write_durably(self._operations, self.folder, target, (data,))
        except OSError as error:
            raise ResultFileError(f"a result could not be written ({error.strerror}): check storage.home") from error
        return hashlib.sha256(data).hexdigest()

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
