"""Which of several series of a study, or of several reconstructions in one series, is the best for a bundle."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from hounsfield.model.findings import Rejection
from hounsfield.model.geometry import SeriesGeometry
from hounsfield.model.headers import SliceHeader
from hounsfield.model.manifest import Preference
from hounsfield.model.reconstructions import kernel_words

_LONGEST_KERNEL = 64
_ORDINALS = ("1st", "2nd", "3rd")


@dataclass(frozen=True, slots=True, order=True)
class Rank:
    """How good a series is, compared field by field: the smallest is the best."""

    unfit: bool
    """The gate refuses it."""
    completeness: int
    """0 COMPLETE, 1 SUSPECT, 2 INCOMPLETE."""
    kernel: int
    """Place of its kernel in the preference, from 0; their number where none matches."""
    thickness_mm: float
    """Distance from the preferred thickness; 0 where none is preferred, infinite where it is not known."""
    missing_coverage_mm: int
    """Minus the coverage in whole mm; 0 where it does not count."""
    fewer_slices: int
    """Minus the number of slices."""
    series_uid: str = field(repr=False)
    part: str = field(repr=False)
    words: str = field(compare=False)
    """The rank as a sentence for people, without patient data."""


def rank(
    headers: Sequence[SliceHeader],
    geometry: SeriesGeometry,
    preference: Preference,
    rejection: Rejection | None,
    completeness_rank: int,
    *,
    part: str = "",
) -> Rank:
    """Rank one series, or one ``part`` of it: ``headers`` and ``geometry`` are of this part alone.

    ``completeness_rank`` is 0 for COMPLETE, 1 for SUSPECT, 2 for INCOMPLETE.
    """
    slices = [headers[i] for i in geometry.order]
    kernel = max((_kernel_place(one.kernel, preference) for one in slices), default=len(preference.kernel))
    thickness = _thickness(slices, geometry)
    distance = _distance(thickness, preference)
    coverage = int(geometry.coverage_mm + 0.5)
    fitness = [] if rejection is None else [f"not fit for the model ({rejection})"]
    doubt = [] if completeness_rank == 0 else ["completeness suspect" if completeness_rank == 1 else "incomplete"]
    described = [_kernel_words(slices, kernel, preference), _thickness_words(thickness, distance, preference)]
    return Rank(
        unfit=rejection is not None,
        completeness=completeness_rank,
        kernel=kernel,
        thickness_mm=distance,
        missing_coverage_mm=-coverage if preference.coverage == "most" else 0,
        fewer_slices=-len(slices),
        series_uid=slices[0].series_uid if slices else "",
        part=part,
        words=", ".join([*fitness, *doubt, *described, f"coverage {coverage} mm", f"{len(slices)} slices"]),
    )


def _kernel_place(kernel: str, preference: Preference) -> int:
    shown = kernel[:_LONGEST_KERNEL]
    return next((k for k, one in enumerate(preference.kernel) if re.search(one, shown)), len(preference.kernel))


def _thickness(slices: Sequence[SliceHeader], geometry: SeriesGeometry) -> float | None:
    """The usual slice thickness in mm; where none is stated the usual step stands for it."""
    stated = [one.thickness for one in slices if one.thickness is not None]
    known = stated or geometry.steps_mm
    return round(statistics.median(known), 2) if known else None


def _distance(thickness: float | None, preference: Preference) -> float:
    if preference.thickness_mm is None:
        return 0.0
    return float("inf") if thickness is None else round(abs(thickness - preference.thickness_mm), 2)


def _kernel_words(slices: Sequence[SliceHeader], place: int, preference: Preference) -> str:
    names = sorted({kernel_words(one.kernel) for one in slices})
    name = "kernel " + (" and ".join(names[:3]) or "not stated")
    if not preference.kernel:
        return name
    if place == len(preference.kernel):
        return f"{name} (no preferred one)"
    return f"{name} ({_ORDINALS[place] if place < 3 else f'{place + 1}th'} choice)"


def _thickness_words(thickness: float | None, distance: float, preference: Preference) -> str:
    if thickness is None:
        return "thickness not stated"
    shown = f"thickness {thickness:g} mm"
    return shown if preference.thickness_mm is None else f"{shown} ({distance:g} from preferred)"
