"""The series a demonstration sends: three generated ones, or the CT series of a folder."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from hounsfield.daemon.errors import DaemonError
from hounsfield.daemon.scu import Sendable, scan
from hounsfield.storage.states import Outcome

TAGS = ("SeriesInstanceUID", "Modality", "SeriesNumber")


class NoMaterial(DaemonError):
    """There is nothing to demonstrate with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSeries:
    """A series to send."""

    name: str
    """For the display; from the generator or a number, never from the patient."""
    series_uid: str
    files: tuple[Sendable, ...]
    expected: Outcome | None = None
    """The outcome a generated series must have; None for a user's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One generated series."""

    name: str
    seed: int
    lesion: str | None
    drop: tuple[int, ...]
    expected: Outcome


RECIPES = (
    Recipe(name="with haemorrhage", seed=101, lesion="intraparenchymal", drop=(), expected=Outcome.POSITIVE),
    Recipe(name="without haemorrhage", seed=102, lesion=None, drop=(), expected=Outcome.NEGATIVE),
    Recipe(name="slices missing", seed=103, lesion=None, drop=(9, 10, 11), expected=Outcome.NOT_ANALYSED),
)
"""Seeds that the shipped bundle answers as expected, none of them from its training, validation or golden set."""


def generate(folder: Path) -> list[DemoSeries]:
    """Write the series of :data:`RECIPES` below ``folder`` and return them."""
    from hounsfield.model.phantom.series import PhantomSpec, write_series

    made = []
    for number, recipe in enumerate(RECIPES, start=1):
        target = folder / f"{number}-{recipe.name.replace(' ', '-')}"
        write_series(target, PhantomSpec(seed=recipe.seed, lesion=recipe.lesion, drop=recipe.drop))
        found = read_folder(target)
        made.append(
            DemoSeries(name=recipe.name, series_uid=found[0].series_uid, files=found[0].files, expected=recipe.expected)
        )
    return made


def read_folder(folder: Path) -> list[DemoSeries]:
    """Return the CT series below ``folder``, named by number; raise :class:`NoMaterial` if there is none."""
    if not folder.is_dir():
        raise NoMaterial(f"{folder} is not a folder", "give a folder with DICOM files")
    by_series: defaultdict[str, list[Sendable]] = defaultdict(list)
    for file in scan([folder]).files:
        uid = _ct_series(file.path)
        if uid is not None:
            by_series[uid].append(file)
    if not by_series:
        raise NoMaterial(f"there is no CT series below {folder}", "give a folder with the DICOM files of a CT series")
    return [
        DemoSeries(name=f"series {number}", series_uid=uid, files=tuple(files))
        for number, (uid, files) in enumerate(by_series.items(), start=1)
    ]


def _ct_series(path: Path) -> str | None:
    """Return the Series Instance UID of a CT instance, None for anything else."""
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
    except (InvalidDicomError, EOFError, ValueError, OSError):
        return None
    uid = header.get("SeriesInstanceUID")
    return str(uid) if uid and header.get("Modality") == "CT" else None
