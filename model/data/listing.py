"""What a layout says about a data set before any image is opened: its files, and what the tables claim about them.

Names out of tables become paths here and nowhere else, and only paths below the folder of the data set.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from hounsfield.model.data.problems import Kind, Problem
from hounsfield.model.data.tables import Truth, merged, same

_NO_IMAGES: Final = frozenset(
    {".csv", ".gz", ".html", ".json", ".log", ".md", ".npz", ".pdf", ".toml", ".tsv", ".txt", ".xlsx", ".xml", ".zip"}
)
"""Files with these suffixes lie beside images and are none."""
_NO_IMAGE_NAMES: Final = frozenset({"DICOMDIR", "LICENSE", "Thumbs.db", "VERSION"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file that may be an image, with what a table says of it besides its labels."""

    file: str
    """Relative to the data set, with ``/``."""
    series: str = field(default="", repr=False)
    """What it belongs to, by a table or a folder; empty: its header says so, and a picture is a series of its own."""
    patient: str = field(default="", repr=False)
    """By a table or a folder, in clear: hashed before it goes anywhere. Empty: its header says so."""
    study: str = ""
    """Only the best series of a study is taken; empty: all are."""
    position_mm: float | None = None
    pixel_mm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a table says about a file, an instance or a series."""

    place: str
    """The table and the row, as :attr:`TableRow.place`."""
    truth: Truth
    problem: Kind | None = None
    """BAD_LABEL or LABEL_CONFLICT: what it says cannot be used."""
    patient: str = field(default="", repr=False)


@dataclass(slots=True)
class Claims:
    """Claims by what they are about."""

    of: dict[str, Claim] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, key: str, place: str, truth: Truth | None, width: int, *, patient: str = "") -> None:
        """Take a row: ``truth`` is None if it cannot be read. Another row about the same may say the same again."""
        claim = Claim(
            place=place,
            truth=truth or (float("nan"),) * width,
            problem=Kind.BAD_LABEL if truth is None else None,
            patient=patient,
        )
        known = self.of.get(key)
        if known is None:
            self.of[key] = claim
        elif known.problem is None and claim.problem is None and same(known.truth, claim.truth):
            self.problems.append(Problem(Kind.REPEATED_ROW, place, f"Says again what {known.place} says."))
            self.of[key] = replace(known, truth=merged(known.truth, claim.truth))
        else:
            self.of[key] = replace(known, problem=known.problem or claim.problem or Kind.LABEL_CONFLICT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All that is known of a data set without opening an image."""

    files: tuple[Listed, ...]
    """Sorted by name."""
    by_file: dict[str, Claim] = field(default_factory=dict)
    """By file, ``#frame`` appended where one frame is meant."""
    by_instance: dict[str, Claim] = field(default_factory=dict)
    """By SOP Instance UID."""
    by_series: dict[str, Claim] = field(default_factory=dict)
    """By Series Instance UID."""
    by_folder: dict[str, Claim] = field(default_factory=dict)
    """Of all series in or below a folder; ``.`` is the data set itself."""
    problems: tuple[Problem, ...] = ()


def files_below(root: Path, under: str = ".") -> Iterator[str]:
    """Yield the files that may be images, relative to ``root``, sorted; hidden ones and tables are none."""
    for folder, folders, names in os.walk(root / under):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() not in _NO_IMAGES and name not in _NO_IMAGE_NAMES:
                yield sys.intern((Path(folder) / name).relative_to(root).as_posix())


def plain(name: str) -> str | None:
    """Return a name out of a table as a relative path with ``/``; None if it could lead out of the data set."""
    if not name or "\0" in name or len(name) > 1024:
        return None
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        return None
    return path.as_posix()


def led_out(root: Path, files: Iterable[Listed]) -> set[str]:
    """Return which files lie outside ``root`` all the same, since they or folders above them are links."""
    home = root.resolve()
    return {one.file for one in files if not (home / one.file).resolve().is_relative_to(home)}


def outside(place: str) -> Problem:
    """Return the problem of a row whose name is no path in the data set; what it named is not repeated."""
    return Problem(Kind.OUTSIDE, place, "The row names no file in the folder of the data set.")
