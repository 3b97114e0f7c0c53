"""Straight volumes with regular steps, for models that ask for them: a tilted gantry undone, uneven steps evened out.

Both are linear and stream: of a series two slices are in memory. Slices are moved in their planes only, so that each
keeps what it shows at its height; new heights are interpolated between the two slices around them. What a score of
an interpolated slice says, it says of the scanned slice nearest to it.
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.aggregation import Scores
from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Rejection
from hounsfield.model.geometry import SeriesGeometry
from hounsfield.model.headers import SliceHeader
from hounsfield.model.manifest import Scope
from hounsfield.model.pixels import AIR_HU, Hu
from hounsfield.model.remarks import TILT_DEGREES

FloatImage = NDArray[np.float32]
Shift = tuple[float, float]
"""Rows and columns that an image is moved by, downwards and to the right."""
_SAME_HEIGHT = 1e-6
"""As a share of a step: rounding, not a difference."""


@dataclass(frozen=True, slots=True)
class _Output:
    """One slice of the resampled volume: ``(1 - weight) * sources[lower] + weight * sources[lower + 1]``."""

    lower: int
    weight: float
    nearest: int
    """The source that its score is about."""
    shifts: tuple[Shift, Shift]
    """Of the two sources."""

    @property
    def last(self) -> int:
        """The upper source if it takes part, else the lower one."""
        return self.lower + (self.weight > 0.0)


class Resampling:
    """How the slices of one series are resampled; the same plan turns the scores back."""

    def __init__(self, outputs: Sequence[_Output], sources: int) -> None:
        self._outputs = tuple(outputs)
        self._sources = sources

    def __len__(self) -> int:
        return len(self._outputs)

    @property
    def nearest(self) -> tuple[int, ...]:
        """The source slice that each resampled one lies at."""
        return tuple(output.nearest for output in self._outputs)

    def stream(self, slices: Iterable[Hu]) -> Iterator[Hu]:
        """Yield the resampled slices: HU (rows, columns), air where a slice had nothing."""
        coming = iter(slices)
        held: dict[int, Hu] = {}
        read = 0
        for output in self._outputs:
            while read <= output.last:
                held = {read - 1: held[read - 1], read: next(coming)} if read else {0: next(coming)}
                read += 1
            yield _made(output, held[output.lower], held[output.last])

    def steps_mm(self, of_sources: Sequence[float]) -> tuple[float, ...]:
        """Return the distances of the resampled slices along the normal, from those of the sources."""
        heights = np.concatenate([[0.0], np.cumsum(of_sources)])
        at = [output.lower + output.weight for output in self._outputs]
        return tuple(np.diff(np.interp(at, np.arange(len(heights)), heights)).tolist())

    def of_source(self, source: int, scores: Scores) -> int | None:
        """Return which resampled slice gave a source its score of the first label; None: it took a neighbour's."""
        own = [number for number, output in enumerate(self._outputs) if output.nearest == source]
        return max(own, key=lambda number: float(scores[number, 0])) if own else None

    def image(self, number: int, slices: Sequence[Hu]) -> Hu:
        """Return one resampled slice: HU (rows, columns)."""
        output = self._outputs[number]
        return _made(output, slices[output.lower], slices[output.last])

    def shift(self, number: int) -> Shift:
        """How far the source that a resampled slice lies at was moved for it: rows and columns."""
        output = self._outputs[number]
        return output.shifts[output.nearest - output.lower]

    def to_sources(self, scores: Scores) -> Scores:
        """Return scores (sources, labels) from those of the resampled slices: the highest of each source's.

        A source that no resampled slice is nearest to gets the score of the one that lies nearest to it. Raises
        ValueError for another number of scores.
        """
        if len(scores) != len(self._outputs):
            raise ValueError(f"{len(self._outputs)} slices were resampled, not {len(scores)}")
        turned = np.full((self._sources, scores.shape[1]), -np.inf, np.float32)
        np.maximum.at(turned, np.array(self.nearest, np.intp), scores)
        heights = np.array([output.lower + output.weight for output in self._outputs])
        for source in np.flatnonzero(np.isneginf(turned[:, 0])):
            turned[source] = scores[int(np.argmin(np.abs(heights - source)))]
        return turned


def plan(headers: Sequence[SliceHeader], geometry: SeriesGeometry, scope: Scope) -> Resampling | None:
    """Return how a series has to be resampled for a manifest's scope, None where it is taken as it is.

    ``headers`` in volume order, of one matrix, pixel spacing and orientation (the gate has seen to it).

    Raises:
        PixelError: TOO_LARGE, where regular steps would make more slices than the scope takes.
    """
    straighten = scope.tilt == "resample" and geometry.tilt_degrees >= TILT_DEGREES
    even_out = scope.irregular_spacing == "resample" and geometry.irregular
    if not (straighten or even_out) or geometry.normal is None:
        return None
    places = _Places.of(headers, geometry.normal)
    count = len(headers)
    if even_out:
        targets = _regular(places.heights, statistics.median(geometry.steps_mm), scope.slices[1])
    else:
        targets = [(number, 0.0) for number in range(count)]
    outputs = []
    for lower, weight in targets:
        nearest = lower + (weight > 0.5)
        reference = count // 2 if straighten else nearest
        upper = min(lower + 1, count - 1)
        shifts = places.shift(lower, reference), places.shift(upper, reference)
        outputs.append(_Output(lower, weight, nearest, shifts))
    return Resampling(outputs, count)


def _made(output: _Output, lower: Hu, upper: Hu) -> Hu:
    image = moved(lower, *output.shifts[0])
    return _between(image, moved(upper, *output.shifts[1]), output.weight) if output.weight > 0.0 else image


def _regular(heights: Sequence[float], step: float, most: int) -> list[tuple[int, float]]:
    """Heights at regular steps from the first to the last, as a slice below and the way to the next one."""
    count = math.floor((heights[-1] - heights[0]) / step + _SAME_HEIGHT) + 1
    if count > most:
        raise PixelError(Rejection.TOO_LARGE, f"regular steps make {count} slices; the model takes up to {most}")
    found: list[tuple[int, float]] = []
    lower = 0
    for number in range(count):
        height = min(heights[0] + number * step, heights[-1])
        while lower + 1 < len(heights) - 1 and heights[lower + 1] <= height:
            lower += 1
        weight = (height - heights[lower]) / (heights[lower + 1] - heights[lower])
        if weight > 1.0 - _SAME_HEIGHT:
            found.append((lower + 1, 0.0))
        else:
            found.append((lower, weight if weight > _SAME_HEIGHT else 0.0))
    return found


@dataclass(frozen=True, slots=True)
class _Places:
    """Where slices lie: along their normal, and in their plane."""

    heights: tuple[float, ...]
    """mm"""
    rows: tuple[float, ...]
    """Of each slice's first pixel, down the columns, in pixels."""
    columns: tuple[float, ...]

    @classmethod
    def of(cls, headers: Sequence[SliceHeader], normal: Sequence[float]) -> "_Places":
        positions = np.array([header.position for header in headers], np.float64)
        positions -= positions[0]
        orientation = np.array(headers[0].orientation, np.float64)
        row_mm, column_mm = headers[0].pixel_spacing or (1.0, 1.0)
        return cls(
            heights=tuple((positions @ np.array(normal)).tolist()),
            rows=tuple((positions @ orientation[3:] / row_mm).tolist()),
            columns=tuple((positions @ orientation[:3] / column_mm).tolist()),
        )

    def shift(self, number: int, reference: int) -> Shift:
        """How far a slice has to be moved in its plane to lie straight above (or below) the reference."""
        return self.rows[number] - self.rows[reference], self.columns[number] - self.columns[reference]


def moved(hu: Hu, rows: float, columns: float) -> Hu:
    """Return an image moved down and to the right, linearly interpolated, air (-1024 HU) where it had nothing."""
    return _moved(_moved(hu, rows, 0), columns, 1)


def _moved(hu: Hu, by: float, axis: int) -> Hu:
    whole = math.floor(by)
    part = by - whole
    if part < _SAME_HEIGHT or part > 1.0 - _SAME_HEIGHT:
        return _displaced(hu, round(by), axis)
    return _between(_displaced(hu, whole, axis), _displaced(hu, whole + 1, axis), part)


def _displaced(hu: Hu, by: int, axis: int) -> Hu:
    """Move by whole pixels."""
    if by == 0:
        return hu
    out = np.full_like(hu, AIR_HU)
    size = hu.shape[axis]
    if abs(by) < size:
        target, source = (slice(by, None), slice(None, -by)) if by > 0 else (slice(None, by), slice(-by, None))
        if axis == 0:
            out[target] = hu[source]
        else:
            out[:, target] = hu[:, source]
    return out


def _between(lower: Hu, upper: Hu, weight: float) -> FloatImage:
    image = upper.astype(np.float32)
    image -= lower
    image *= np.float32(weight)
    image += lower
    return image
