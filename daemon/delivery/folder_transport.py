"""A folder as a destination: one sub-folder a result set, files written so that they survive a power loss."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.plugs import Lost, ProofAnswer, Proven
from hounsfield.daemon.delivery.proof.decision import CONFLICT, NOT_FOUND
from hounsfield.daemon.delivery.scu import SendReport, SentObject
from hounsfield.daemon.errors import DeliveryError
from hounsfield.storage.durable import SystemFileOperations, write_durably
from hounsfield.storage.records import JobRecord, ResultObject, StoredResultSet
from hounsfield.storage.results import ResultFiles

_FOLDER_MODE, _FILE_MODE = 0o750, 0o640


class _ForTheGroup(SystemFileOperations):
    """Whoever fetches the files is another user than we are: the group of the folder may read them."""

    def create(self, path: Path) -> int:
        """Create with mode 0640."""
        descriptor = super().create(path)
        os.fchmod(descriptor, _FILE_MODE)
        return descriptor


class ResultSets(Protocol):
    """What a folder asks of the job store."""

    def result_set(self, result_set_id: int) -> StoredResultSet | None:
        """Return a result set with its objects."""


class FolderTransport:
    """``<folder>/<uid of the result set>/<sop instance uid>.dcm``; all names are UIDs of our own.

    A :class:`~hounsfield.daemon.delivery.plugs.Transport` and a :class:`~hounsfield.daemon.delivery.plugs.Prover`:
    reading the files back is the proof. The folder itself is made by the administrator: where it is missing, perhaps
    because a file system is not mounted, nothing is written in its place.
    """

    def __init__(self, folder: Path, results: ResultSets, files: ResultFiles) -> None:
        self._folder = folder
        self._results = results
        self._files = files
        self._operations = _ForTheGroup()

    def probe(self) -> Failure | None:
        """Whether the folder is there and takes a file."""
        return None if takes_files(self._folder) else Failure.UNREACHABLE

    def send(self, job: JobRecord, objects: Sequence[ResultObject]) -> SendReport:
        """Write the objects; one that is there with the same bytes is left alone."""
        if not objects:
            return SendReport()
        contents = [(one, self._content(one)) for one in objects]
        sent: list[SentObject] = []
        try:
            folder = self._folder_of(job)
            self._make(folder)
            for one, content in contents:
                self._write(folder, one, content)
                sent.append(SentObject(one.sop_instance_uid, 0))
        except OSError:
            return SendReport(tuple(sent), Failure.UNREACHABLE)
        return SendReport(tuple(sent))

    def prove(self, job: JobRecord, kept: Sequence[ResultObject], now: datetime) -> ProofAnswer:  # noqa: ARG002 - plug
        """Read the files back; one that somebody has taken out or changed is written again."""
        folder = self._folder_of(job)
        failures: dict[str, int] = {}
        for one in kept:
            digest = _digest(folder / _name(one))
            if digest != one.sha256:
                failures[one.sop_instance_uid] = NOT_FOUND if digest is None else CONFLICT
        return Lost(failures) if failures else Proven()

    def _content(self, one: ResultObject) -> bytes:
        try:
            return self._files.path(one.sop_instance_uid).read_bytes()
        except OSError as error:
            raise DeliveryError(
                "a result file cannot be read", "restore it from a backup of the results folder"
            ) from error

    def _folder_of(self, job: JobRecord) -> Path:
        """Return the sub-folder: named by the first object of the result set, whichever of them are sent now."""
        result = self._results.result_set(job.result_set_id or 0)
        if result is None or not result.objects:
            raise DeliveryError("a result set is not there", "requeue its delivery with `hounsfield jobs retry`")
        return self._folder / self._files.path(result.objects[0].sop_instance_uid).stem

    def _make(self, folder: Path) -> None:
        if folder.is_dir():
            return
        folder.mkdir(mode=_FOLDER_MODE)
        folder.chmod(_FOLDER_MODE)
        self._operations.fsync_directory(self._folder)

    def _write(self, folder: Path, one: ResultObject, content: bytes) -> None:
        target = folder / _name(one)
        if _digest(target) != one.sha256:
            write_durably(self._operations, folder, target, (content,))


def takes_files(folder: Path) -> bool:
    """Whether a folder is there and can be written to; nothing is left in it."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _name(one: ResultObject) -> str:
    return f"{one.sop_instance_uid}.dcm"


def _digest(path: Path) -> str | None:
    """Return the SHA-256 (hex) of a file, None if there is none that can be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
