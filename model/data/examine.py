"""The close look at one series: its order, its pixels, and what is wrong with either. Runs in processes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.data.listing import Listed
from hounsfield.model.data.pictures import PictureError, read_picture
from hounsfield.model.data.problems import Kind
from hounsfield.model.errors import PixelError, UnreadableInstance
from hounsfield.model.findings import Rejection
from hounsfield.model.frames import FrameIndex
from hounsfield.model.geometry import SeriesGeometry, measure
from hounsfield.model.headers import SliceHeader, read_slices
from hounsfield.model.manifest import Preference
from hounsfield.model.parts import Why, split
from hounsfield.model.pixels import read_pixels
from hounsfield.model.plausibility import hu_problem, looked_at
from hounsfield.model.preference import Rank, rank

FEWEST_FOR_HU = 5
"""Slices of a series whose HU are looked at: fewer may show no skull with good reason."""
_LONGEST_SCANNER = 48
_STEP_MM = 1.0
"""From picture to picture of a series, where no table says more."""

_Hu = NDArray[np.int16] | NDArray[np.float32]


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


def examine(tasks: Sequence[SeriesTask]) -> list[SeriesSeen]:
    """Look at each series."""
    return [_examine(task) for task in tasks]


def unexamined(tasks: Sequence[SeriesTask]) -> list[SeriesSeen]:
    """Return what is known of series whose decoding ended the process."""
    words = "Reading the series ended the process that reads."
    return [
        SeriesSeen(
            key=task.key,
            slices=tuple(Seen(file=one.file, problem=Kind.UNREADABLE, words=words) for one in task.files),
        )
        for task in tasks
    ]


def _examine(task: SeriesTask) -> SeriesSeen:
    headers: list[SliceHeader] = []
    refused: list[Seen] = []
    for one in task.files:
        if one.file in task.pictures:
            continue
        try:
            found = read_slices(task.root / one.file)
        except UnreadableInstance as error:
            refused.append(Seen(file=one.file, problem=Kind.UNREADABLE, words=f"Not read as DICOM: {error}."))
            continue
        for header in found:
            wrong = _wrong(header, task.options)
            if wrong is None:
                headers.append(header)
            else:
                refused.append(Seen(file=one.file, frame=header.frame, problem=wrong[0], words=wrong[1]))
    if task.pictures or all(one.position_mm is not None for one in task.files):
        return _by_table(task, headers, refused)
    return _by_geometry(task, headers, refused)


def _wrong(header: SliceHeader, options: Options) -> tuple[Kind, str] | None:
    """What the header alone shows to be unusable."""
    if header.modality not in options.modality:
        return Kind.WRONG_MODALITY, f"Not of modality {' or '.join(options.modality)}."
    if header.slope is None or header.intercept is None or header.slope == 0.0:
        return Kind.NOT_HU, "Rescale slope or intercept is missing."
    if header.rescale_type.upper() not in ("", "HU"):
        return Kind.NOT_HU, "The rescale type is not HU."
    if header.bits_stored <= 8:
        return Kind.NOT_HU, "8 bits or fewer."
    if header.pixel_spacing is None and options.ordered:
        return Kind.GEOMETRY, "Pixel spacing is missing."
    return None


def _by_geometry(task: SeriesTask, headers: Sequence[SliceHeader], refused: list[Seen]) -> SeriesSeen:
    parts = split(headers)
    left_out = {one.index: one.why for one in parts.left_out}
    refused += [_left_out(task, headers[i], why) for i, why in left_out.items()]
    if parts.ambiguous is not None or not parts.parts:
        rest = [i for i in range(len(headers)) if i not in left_out]
        return _unordered(task, [headers[i] for i in rest], refused, parts.ambiguous or "Nothing is left of it.")
    ranked = []
    for part in parts.parts:
        own = [headers[i] for i in part.indices]
        geometry = measure(own)
        ranked.append((_rank(own, geometry, task), part.indices, geometry))
    best, indices, geometry = min(ranked, key=lambda one: one[0])
    refused += [
        Seen(file=_name(task, headers[i]), frame=headers[i].frame, problem=Kind.OTHER_SERIES,
             words="Another reconstruction of the series is taken.")
        for _, others, _ in ranked if others is not indices for i in others
    ]  # fmt: skip
    chosen = [headers[i] for i in indices]
    if geometry.missing and (len(chosen) == 1 or not task.options.ordered):
        places = [float(k) * _STEP_MM for k in range(len(chosen))]
        chosen.sort(key=lambda header: (_name(task, header), header.frame or 0))
    elif geometry.missing:
        count = len(geometry.missing)
        return _unordered(task, chosen, refused, f"{count} of its images have no usable position.")
    else:
        chosen = [chosen[i] for i in geometry.order]
        places = [0.0, *np.cumsum(geometry.steps_mm).tolist()]
    seen = _decoded(task, chosen, places)
    gaps = f"About {sum(gap.missing for gap in geometry.gaps)} slices are missing." if geometry.gaps else ""
    problem = (None if geometry.missing else _contradiction(seen.slices, geometry)) or _implausible(task, seen)
    return SeriesSeen(
        key=task.key,
        slices=(*seen.slices, *refused),
        scanner=_scanner(chosen[0]),
        problem=problem,
        gaps=gaps,
        rank=replace(best, unfit=best.unfit or problem is not None),
    )


def _rank(headers: Sequence[SliceHeader], geometry: SeriesGeometry, task: SeriesTask) -> Rank:
    """As serving ranks; a contrast agent, or what the configuration excludes, comes last."""
    last = any(header.contrast for header in headers)
    if (pattern := task.options.exclude) is not None:
        first = headers[0]
        folder = str(Path(_name(task, first)).parent)
        last = last or any(re.search(pattern, text[:256]) for text in (first.series_description, folder))
    rejection = Rejection.SCOPE if last else None
    return rank(headers, geometry, task.options.preference, rejection, 2 if geometry.gaps else 0)


def _by_table(task: SeriesTask, headers: Sequence[SliceHeader], refused: list[Seen]) -> SeriesSeen:
    """A series with pictures in it, or placed by a table: in the order of the positions there, or of the names."""
    by_file = {one.file: one for one in task.files}
    placed = all(one.position_mm is not None for one in task.files)
    seen = [_picture(task, by_file[file]) for file in sorted(task.pictures & by_file.keys())]
    seen += _decoded(task, headers, [0.0] * len(headers)).slices
    seen.sort(key=lambda one: (one.file, one.frame or 0))
    places = [by_file[one.file].position_mm if placed else k * _STEP_MM for k, one in enumerate(seen)]
    ordered = sorted((replace(one, position_mm=place or 0.0) for one, place in zip(seen, places, strict=True)),
                     key=lambda one: one.position_mm)  # fmt: skip
    return SeriesSeen(key=task.key, slices=(*ordered, *refused), scanner=_scanner(headers[0]) if headers else "")


def _picture(task: SeriesTask, listed: Listed) -> Seen:
    try:
        picture = read_picture(task.root / listed.file)
    except PictureError as error:
        return Seen(file=listed.file, problem=error.kind, words=str(error))
    mm = listed.pixel_mm or task.options.pixel_mm
    rows, columns = picture.values.shape
    blank = bool(picture.values.min() == picture.values.max())
    return Seen(
        file=listed.file,
        spacing_mm=None if mm is None else (mm, mm),
        shape=(rows, columns),
        digest=picture.digest,
        problem=Kind.BLANK if blank else None,
    )


@dataclass(slots=True)
class _Decoded:
    slices: list[Seen]
    kept: dict[int, _Hu]
    """HU of the slices that plausibility looks at, by their place among the usable ones."""
    usable: int


def _decoded(task: SeriesTask, headers: Sequence[SliceHeader], places: Sequence[float]) -> _Decoded:
    """Decode slice by slice; only those that plausibility looks at stay in memory."""
    index = FrameIndex()
    wanted = set(looked_at(len(headers)))
    out = _Decoded([], {}, len(headers))
    for number, (header, place) in enumerate(zip(headers, places, strict=True)):
        seen = Seen(
            file=_name(task, header),
            frame=header.frame,
            position_mm=place,
            spacing_mm=header.pixel_spacing,
            shape=(header.rows, header.columns),
        )
        try:
            pixels = read_pixels(header, index)
        except PixelError as error:
            kind = Kind.NOT_HU if error.rejection in (Rejection.NOT_HU, Rejection.NO_RESCALE) else Kind.UNREADABLE
            out.slices.append(replace(seen, problem=kind, words=f"Its pixels are not read: {error}."))
            continue
        if number in wanted:
            out.kept[number] = pixels.hu
        blank = bool(pixels.stored.min() == pixels.stored.max())
        problem = Kind.BLANK if blank else Kind.LOSSY if header.lossy else None
        out.slices.append(replace(seen, digest=pixels.digest, problem=problem))
    return out


class _Kept(Sequence[NDArray[np.float32]]):
    """Looks like all slices of a series to plausibility, which asks for a few of them."""

    def __init__(self, count: int, kept: dict[int, _Hu]) -> None:
        self._count, self._kept = count, kept

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[NDArray[np.float32]]: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.float32] | Sequence[NDArray[np.float32]]:
        if isinstance(index, slice):
            raise TypeError("slices are asked for one by one")
        return self._kept[index].astype(np.float32)


def _implausible(task: SeriesTask, seen: _Decoded) -> tuple[Kind, str] | None:
    if not task.options.head or seen.usable < FEWEST_FOR_HU or set(seen.kept) != set(looked_at(seen.usable)):
        return None
    words = hu_problem(_Kept(seen.usable, seen.kept))
    return None if words is None else (Kind.IMPLAUSIBLE_HU, words)


def _contradiction(slices: Sequence[Seen], geometry: SeriesGeometry) -> tuple[Kind, str] | None:
    """Images at one position with different pixels; copies are found as duplicates later."""
    if not geometry.consistent_orientation:
        return Kind.GEOMETRY, "It holds images of more than one orientation."
    if geometry.mixed:
        return Kind.GEOMETRY, f"Its images differ in {' and '.join(geometry.mixed)}."
    at = {place: k for k, place in enumerate(geometry.order)}
    for one, other in geometry.duplicate_positions:
        if slices[at[one]].digest != slices[at[other]].digest:
            return Kind.GEOMETRY, "Different images lie at one position."
    return None


def _unordered(task: SeriesTask, headers: Sequence[SliceHeader], refused: list[Seen], words: str) -> SeriesSeen:
    slices = [
        Seen(file=_name(task, header), frame=header.frame, problem=Kind.GEOMETRY, words=words) for header in headers
    ]
    return SeriesSeen(key=task.key, slices=(*slices, *refused), scanner=_scanner(headers[0]) if headers else "")


def _left_out(task: SeriesTask, header: SliceHeader, why: Why) -> Seen:
    words = "A localizer." if why is Why.LOCALIZER else "In another plane than the rest of the series."
    return Seen(file=_name(task, header), frame=header.frame, problem=Kind.LOCALIZER, words=words)


def _name(task: SeriesTask, header: SliceHeader) -> str:
    return header.path.relative_to(task.root).as_posix()


def _scanner(header: SliceHeader) -> str:
    """Manufacturer and model, as far as they look like such."""
    text = f"{header.manufacturer} {header.model_name}".strip()
    return re.sub(r"[^A-Za-z0-9 ._+-]", "_", text[:_LONGEST_SCANNER]).strip()
