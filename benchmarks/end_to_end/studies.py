"""Studies to send: the same pixels under new names each time, as files that a scanner's program reads.

UIDs and patient ids have a fixed length, so that they can be written over in place. The files lie in memory: reading
them must not cost the disk that the receivers sync to.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from common.heads import heads
from pydicom import dcmread
from support.memory import memory_folder

EVERY_BLEEDING = 4
"""Of several studies at once every so many-th has a haemorrhage. A single one has none."""
_RUNS = count(time.time_ns())


@dataclass(frozen=True, slots=True)
class Study:
    """One series of one patient."""

    patient: str
    """Patient ID (0010,0020)."""
    uid: str
    """Study Instance UID (0020,000D)."""
    files: tuple[Path, ...]


class Studies:
    """Makes studies of so many slices; their images are drawn or taken from ``drawn``."""

    def __init__(self, drawn: Path, slices: int, matrix: int) -> None:
        self.slices = slices
        self._plain, self._bleeding = map(_template, heads(drawn, slices, matrix))

    @contextmanager
    def fresh(self, number: int) -> Iterator[list[Study]]:
        """Give so many new studies; their files are gone afterwards."""
        run = next(_RUNS)
        with memory_folder() as folder:
            yield [self._study(folder / str(place), run, place) for place in range(number)]

    def _study(self, folder: Path, run: int, place: int) -> Study:
        bleeds = place % EVERY_BLEEDING == EVERY_BLEEDING - 1
        template = self._bleeding if bleeds else self._plain
        folder.mkdir()
        names = {_study(0): _study(run, place), _series(0): _series(run, place), _patient(0): _patient(place + 1)}
        files = []
        for number, image in enumerate(template):
            whole = image
            for old, new in (names | {_instance(0, 0, number): _instance(run, place, number)}).items():
                whole = whole.replace(old.encode(), new.encode())
            files.append(folder / f"{number:04d}.dcm")
            files[-1].write_bytes(whole)
        return Study(_patient(place + 1), _study(run, place), tuple(files))


def _template(files: Sequence[Path]) -> list[bytes]:
    found = []
    with memory_folder() as folder:
        for number, file in enumerate(files):
            image = dcmread(file)
            image.PatientID, image.StudyInstanceUID, image.SeriesInstanceUID = _patient(0), _study(0), _series(0)
            image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = _instance(0, 0, number)
            image.save_as(folder / "image", enforce_file_format=True)
            found.append((folder / "image").read_bytes())
    return found


def _patient(number: int) -> str:
    return f"BENCH-{number:06d}"


def _study(run: int, place: int = 0) -> str:
    return _uid(run, 1, place)


def _series(run: int, place: int = 0) -> str:
    return _uid(run, 2, place)


def _instance(run: int, place: int, number: int) -> str:
    return _uid(run, 3, 10_000 * place + number)


def _uid(run: int, kind: int, number: int) -> str:
    """Always 44 characters, under 2.25 (PS3.5 annex B.2)."""
    return f"2.25.1{run:020d}{kind:02d}{number:016d}"
