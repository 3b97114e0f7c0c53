"""What is asked of a series, and what was seen of it."""

from dataclasses import dataclass, field
from pathlib import Path

from hounsfield.model.data.listing import Listed
from hounsfield.model.data.problems import Kind
from hounsfield.model.manifest import Preference
from hounsfield.model.preference import Rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the configuration says about every series."""

    modality: tuple[str, ...]
    head: bool
    """Whether HU have to be those of a head."""
    preference: Preference
    exclude: str | None
    """A series in whose description or folder this is found is the worst of its study."""
    ordered: bool
    """Whether slices without a position in a series of several are a fault; else they are taken by name."""
    pixel_mm: float | None
    """Of pictures without a pixel spacing of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTask:
    """One series to look at."""

    root: Path
    key: str
    files: tuple[Listed, ...]
    pictures: frozenset[str]
    """Which of the files are PNG or JPEG."""
    options: Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One image."""

    file: str
    frame: int | None = None
    position_mm: float = 0.0
    spacing_mm: tuple[float, float] | None = None
    """Between rows, between columns; None where nothing says it."""
    shape: tuple[int, int] = (0, 0)
    digest: str = ""
    """Of the decoded pixels; empty where there are none."""
    problem: Kind | None = None
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSeen:
    """One series."""

    key: str
    slices: tuple[Seen, ...]
    """In volume order; those that were left out come last."""
    scanner: str = ""
    problem: tuple[Kind, str] | None = None
    """What is wrong with the series as a whole."""
    gaps: str = ""
    """Where slices are missing, as a sentence; empty if none are."""
    rank: Rank | None = field(default=None, repr=False)
    """How good it is among those of its study; None for pictures and where nothing is usable."""
