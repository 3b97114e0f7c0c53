"""Where the slices of a series lie: order, steps, gaps, tilt. Measured from positions and orientations only.

Instance numbers, Slice Location and Gantry/Detector Tilt are never used: they are wrong too often.
"""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.headers import SliceHeader

Vector = tuple[float, float, float]
"""x, y, z in the patient coordinate system."""
SAME_DIRECTION_DEGREES = 1.0
"""Orientations that differ by less are one orientation."""
SAME_POSITION_MM = 0.01
GAP_FACTOR = 1.5
"""A step wider than this many times the usual one has a slice missing in it."""
MOST_STRAYS = 4
"""More images than this with another orientation are a second reconstruction, not localizers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A place where slices are missing."""

    after: int
    """Place in ``SeriesGeometry.order`` of the last slice before the gap."""
    step_mm: float
    expected_mm: float

    @property
    def missing(self) -> int:
        """How many slices would fill it."""
        return max(round(self.step_mm / self.expected_mm) - 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesGeometry:
    """The measured geometry of a series. Indices point into the headers that were measured; lengths are mm."""

    order: tuple[int, ...]
    """Slices of the volume along the slice normal, from its negative to its positive patient axis: axial slices
    from the feet towards the head."""
    localizers: tuple[int, ...]
    """Left out: localizers by Image Type, and a few images that lie in another plane."""
    missing: tuple[int, ...]
    """Left out: no usable position or orientation."""
    consistent_orientation: bool
    """False if many images lie in another plane: more than one reconstruction."""
    steps_mm: tuple[float, ...]
    """Distances of neighbours in ``order`` along the normal."""
    gaps: tuple[Gap, ...]
    duplicate_positions: tuple[tuple[int, int], ...]
    """Pairs of slices at one position."""
    sparse: bool
    """Regular steps, yet wider than 1.5 times the thickness and than Spacing Between Slices says."""
    irregular: bool
    """Steps differ from their median by more than 1 % and 0.01 mm."""
    thickness_mm: tuple[float, ...]
    """The different slice thicknesses, ascending."""
    coverage_mm: float
    """From the first to the last slice centre."""
    normal: Vector | None
    tilt_degrees: float
    """Gantry tilt: angle between the line of positions and the slice normal (the shear of the volume)."""
    plane_degrees: float
    """Angle between the slice normal and the patient's long axis: 0 for straight axial slices."""
    mixed: tuple[str, ...]
    """What differs among the slices and may not: matrix, pixel spacing, frame of reference."""


def measure(headers: Sequence[SliceHeader]) -> SeriesGeometry:
    """Measure a series. Never raises; an empty or unusable series has an empty ``order``."""
    scouts = [i for i, header in enumerate(headers) if is_localizer(header)]
    images = [i for i, header in enumerate(headers) if not is_localizer(header)]
    placed = [i for i in images if is_placed(headers[i])]
    missing = tuple(i for i in images if not is_placed(headers[i]))
    planes = orientations(headers, placed, most=1)
    main = planes[0] if planes else []
    strays = [i for plane in planes[1:] for i in plane]
    few = not strays or (len(strays) <= MOST_STRAYS and len(strays) * 4 < len(placed))
    normal = normal_of(headers[main[0]].orientation or ()) if main else None
    order, along = in_order(headers, main, normal) if normal else ([], [])
    steps = [b - a for a, b in itertools.pairwise(along)]
    expected = _expected_steps([headers[i].thickness for i in order], steps)
    return SeriesGeometry(
        order=tuple(order),
        localizers=tuple(sorted(scouts + strays)),
        missing=missing,
        consistent_orientation=few,
        steps_mm=tuple(steps),
        gaps=tuple(
            Gap(after=k, step_mm=step, expected_mm=usual)
            for k, (step, usual) in enumerate(zip(steps, expected, strict=True))
            if usual > SAME_POSITION_MM and step > GAP_FACTOR * usual
        ),
        duplicate_positions=tuple(
            pair for pair, step in zip(itertools.pairwise(order), steps, strict=True) if step < SAME_POSITION_MM
        ),
        sparse=_sparse([headers[i] for i in order], steps),
        irregular=_irregular(steps),
        thickness_mm=tuple(sorted({round(t, 3) for i in order if (t := headers[i].thickness) is not None})),
        coverage_mm=math.fsum(steps),
        normal=normal,
        tilt_degrees=_shear(headers[order[0]], headers[order[-1]], normal) if normal else 0.0,
        plane_degrees=_degrees(abs(normal[2])) if normal else 0.0,
        mixed=_mixed([headers[i] for i in order]),
    )


def is_localizer(header: SliceHeader) -> bool:
    """Whether Image Type (0008,0008) says that the image only shows where slices lie."""
    return "LOCALIZER" in header.image_type or "SCOUT" in header.image_type


def is_placed(header: SliceHeader) -> bool:
    """Whether the image says where it lies in the patient."""
    return header.position is not None and header.orientation is not None


def is_axial(orientation: Sequence[float]) -> bool:
    """Whether a plane lies nearer to the axial one than 45 degrees; (6,) direction cosines of a row and a column."""
    return abs(orientation[0] * orientation[4] - orientation[1] * orientation[3]) > 0.7071


def orientations(headers: Sequence[SliceHeader], placed: Sequence[int], *, most: int) -> list[list[int]]:
    """Sort images with a position by orientation, the most frequent one first.

    At most ``most`` orientations are told apart; one list more holds the rest, if any. Rows and columns count, not
    only the plane: flipped slices have another orientation.
    """
    indices = np.array(placed, dtype=np.intp)
    rest = np.array([headers[i].orientation for i in placed], dtype=np.float64).reshape(-1, 2, 3)
    found: list[list[int]] = []
    while indices.size:
        if len(found) == most:
            found.append(indices.tolist())
            break
        rounded, counts = np.unique(np.round(rest.reshape(-1, 6), 3) + 0.0, axis=0, return_counts=True)
        alike = _alike(rest, rounded[counts.argmax()].reshape(2, 3))
        found.append(indices[alike].tolist())
        indices, rest = indices[~alike], rest[~alike]
    return found


def in_order(headers: Sequence[SliceHeader], placed: Sequence[int], normal: Vector) -> tuple[list[int], list[float]]:
    """Sort images along ``normal``: their indices and their places on it in mm; equal places by instance and frame."""
    positions = np.array([headers[i].position for i in placed], dtype=np.float64).reshape(-1, 3)
    along = dict(zip(placed, (positions * np.array(normal)).sum(axis=1).tolist(), strict=True))
    order = sorted(placed, key=lambda i: (along[i], headers[i].sop_instance_uid, headers[i].frame or 0))
    return order, [along[i] for i in order]


def normal_of(orientation: Sequence[float]) -> Vector | None:
    """Unit normal of the slice plane, turned so that its largest component is positive."""
    (a, b, c), (d, e, f) = orientation[:3], orientation[3:]
    cross = (b * f - c * e, c * d - a * f, a * e - b * d)
    length = math.hypot(*cross)
    if length == 0.0:
        return None
    scale = math.copysign(1.0 / length, max(cross, key=abs))
    return cross[0] * scale, cross[1] * scale, cross[2] * scale


def _alike(directions: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of (n, 2, 3) row and column directions are those of ``reference``, (2, 3)."""
    lengths = np.linalg.norm(directions, axis=2) * np.linalg.norm(reference, axis=1)
    cosines = (directions * reference).sum(axis=2) / lengths
    close: NDArray[np.bool_] = (cosines >= math.cos(math.radians(SAME_DIRECTION_DEGREES))).all(axis=1)
    return close


def _expected_steps(thickness: Sequence[float | None], steps: Sequence[float]) -> list[float]:
    """The usual step at each place: the median among neighbours of the same thickness.

    Head protocols mix thin slices at the skull base with thick ones above; where two thicknesses meet, the wider of
    their usual steps counts. A thickness with fewer than two steps of its own is judged by the thickness itself.
    """
    kinds = [None if t is None else round(t, 1) for t in thickness]  # 4.997 and 5 mm are one kind
    pairs = list(itertools.pairwise(kinds))
    overall = statistics.median(steps) if steps else 0.0
    usual: dict[float | None, float] = {}
    for kind in set(kinds):
        own = [step for step, pair in zip(steps, pairs, strict=True) if pair == (kind, kind)]
        usual[kind] = statistics.median(own) if len(own) >= 2 else (kind or overall)
    return [max(usual[a], usual[b]) for a, b in pairs]


def _sparse(slices: Sequence[SliceHeader], steps: Sequence[float]) -> bool:
    """Whether slices of one thickness lie regularly further apart than they are thick and than they should be."""
    by_kind: dict[tuple[float, float | None], list[float]] = {}
    for (a, b), step in zip(itertools.pairwise(slices), steps, strict=True):
        if a.thickness is not None and a.thickness == b.thickness:
            by_kind.setdefault((a.thickness, a.spacing_between), []).append(step)
    for (thickness, spacing), own in by_kind.items():
        step = statistics.median(own)
        if len(own) >= 2 and step > GAP_FACTOR * thickness and (spacing is None or step > 1.01 * spacing + 0.01):
            return True
    return False


def _irregular(steps: Sequence[float]) -> bool:
    if len(steps) < 2:
        return False
    usual = statistics.median(steps)
    return any(abs(step - usual) > max(0.01 * usual, 0.01) for step in steps)


def _shear(first: SliceHeader, last: SliceHeader, normal: Vector) -> float:
    """Angle in degrees between the way from the first to the last slice and the normal."""
    way = tuple(b - a for a, b in zip(first.position or (), last.position or (), strict=True))
    if math.hypot(*way) < SAME_POSITION_MM:
        return 0.0
    return _degrees(abs(_cosine(way, normal)))


def _mixed(slices: Sequence[SliceHeader]) -> tuple[str, ...]:
    spacings = {tuple(round(s, 4) for s in h.pixel_spacing) for h in slices if h.pixel_spacing is not None}
    different = {
        "matrix": len({(h.rows, h.columns) for h in slices}) > 1,
        "pixel spacing": len(spacings) > 1,
        "frame of reference": len({h.frame_of_reference_uid for h in slices} - {""}) > 1,
    }
    return tuple(name for name, differs in different.items() if differs)


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def _cosine(a: Sequence[float], b: Sequence[float]) -> float:
    return _dot(a, b) / ((math.hypot(*a) * math.hypot(*b)) or 1.0)


def _degrees(cosine: float) -> float:
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
