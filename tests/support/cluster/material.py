"""Series to send: a few small heads are drawn, and every series is a copy of one with identifiers of its own."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import UID

from hounsfield.daemon.scu import Sendable, scan
from hounsfield.model.phantom.series import PhantomSpec, write_series

SLICES, MATRIX = 8, 64
_LESIONS = (None, "epidural", "intraparenchymal")
_PREFIX, _META_GROUP = 132, 12
"""Preamble and DICM, and the element that says how long the file meta is (PS3.10 section 7.1)."""


@dataclass(frozen=True)
class Series:
    """A series on disk."""

    number: int
    series_uid: str
    files: tuple[Path, ...]

    @cached_property
    def sendables(self) -> list[Sendable]:
        """The first and the last slice come first: whoever has only some of them sees that others are missing."""
        found = scan(self.files).files
        return [found[0], found[-1], *found[1:-1]]

    @cached_property
    def sha256(self) -> dict[str, str]:
        """Of every data set as it goes over the network, by SOP Instance UID."""
        return {path.stem: data_set_sha256(path.read_bytes()) for path in self.files}


class Supply:
    """Makes one series after the other."""

    def __init__(self, folder: Path, choice: random.Random) -> None:
        self._folder = folder
        self._choice = choice
        self._drawn: list[Sequence[Path]] = []
        self.made: list[Series] = []

    def next(self) -> Series:
        """Write another series of another patient."""
        number = len(self.made)
        kind = number % len(_LESIONS)
        if kind >= len(self._drawn):
            spec = PhantomSpec(seed=11 + kind, lesion=_LESIONS[kind], slices=SLICES, matrix=MATRIX)
            self._drawn.append(write_series(self._folder / f"drawn-{kind}", spec))
        series_uid, study_uid = self._uid(), self._uid()
        folder = self._folder / f"series-{number:04d}"
        folder.mkdir()
        files = tuple(self._copy(path, folder, number, series_uid, study_uid) for path in self._drawn[kind])
        self.made.append(Series(number, series_uid, files))
        return self.made[-1]

    def _copy(self, path: Path, folder: Path, number: int, series_uid: UID, study_uid: UID) -> Path:
        image = dcmread(path)
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = self._uid()
        image.SeriesInstanceUID, image.StudyInstanceUID = series_uid, study_uid
        image.PatientID, image.AccessionNumber = f"SYNTHETIC-{number}", f"A{number}"
        made = folder / f"{image.SOPInstanceUID}.dcm"
        image.save_as(made)
        return made

    def _uid(self) -> UID:
        return UID(f"2.25.{self._choice.getrandbits(120)}")


def data_set_sha256(content: bytes) -> str:
    """Return the SHA-256 (hex) of what follows the file meta of a DICOM file."""
    length = int.from_bytes(content[_PREFIX + _META_GROUP - 4 : _PREFIX + _META_GROUP], "little")
    return hashlib.sha256(content[_PREFIX + _META_GROUP + length :]).hexdigest()
