"""From heat over a tensor to heat over the pixels of the slice the tensor was made of.

The way back is not assumed but taken from the steps of the preprocessing, run on the very slice: a crop around the
skull lies elsewhere on every slice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.preprocess.plane import Plane
from hounsfield.model.preprocess.steps import Step

Heat = NDArray[np.floating]
"""(rows, columns) of any size, stretched over the whole tensor; what is not above zero is no heat."""
Heatmap = NDArray[np.float32]
"""(rows, columns) of the slice, in [0, 1]; the hottest pixel is 1."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The rectangle of a slice that a tensor shows, in pixels from the outer edge of the first one.

    It may reach beyond the slice. Pixel 3 covers 3.0 to 4.0; its centre lies at 3.5.
    """

    top: float
    left: float
    rows: float
    columns: float


def trace(steps: Sequence[Step], hu: NDArray[np.floating | np.integer], spacing_mm: tuple[float, float]) -> "Traced":
    """Run the steps one after the other on a slice (rows, columns) HU, and follow what the result shows of it."""
    # a copy: slices of a volume are not writable, and OpenCV takes only arrays that are
    values = hu.astype(np.int16) if hu.dtype == np.int16 else hu.astype(np.float32)
    plane = Plane(values, spacing_mm)
    extent: Extent | None = Extent(0.0, 0.0, *(float(side) for side in hu.shape))
    for step in steps:
        shown = step.shown(plane)
        if extent is not None and shown is not None:
            tall, wide = extent.rows / plane.values.shape[0], extent.columns / plane.values.shape[1]
            extent = Extent(
                extent.top + shown.top * tall, extent.left + shown.left * wide, shown.rows * tall, shown.columns * wide
            )
        else:
            extent = None
        plane = step.apply(plane)
    tensor = plane.floats if plane.values.ndim == 3 else plane.floats[..., None]
    return Traced(np.ascontiguousarray(tensor, np.float32), extent)


@dataclass(frozen=True, slots=True)
class Traced:
    """A tensor (rows, columns, channels), and which part of the slice it shows."""

    tensor: NDArray[np.float32]
    extent: Extent | None
    """None: a step was not a crop and an even stretch, and nothing leads back."""


def in_slice(heat: Heat, extent: Extent, shape: tuple[int, ...], shift: tuple[float, float] = (0.0, 0.0)) -> Heatmap:
    """Return the heat in the pixels of a slice of ``shape``; linear between the cells of ``heat``, none beyond them.

    ``shift`` is how far the slice had been moved (rows down, columns to the right) before the steps saw it.
    """
    rows = _weights(shape[0], extent.top - shift[0], extent.rows, heat.shape[0])
    columns = _weights(shape[1], extent.left - shift[1], extent.columns, heat.shape[1])
    found = rows @ np.maximum(heat, 0.0) @ columns.T
    hot = float(found.max(initial=0.0))
    return (found / hot if hot > 0.0 else np.zeros_like(found)).astype(np.float32)


def hottest(heatmap: Heatmap) -> tuple[int, int]:
    """Return row and column, from 0, of the hottest pixel."""
    row, column = np.unravel_index(int(np.argmax(heatmap)), heatmap.shape)
    return int(row), int(column)


def _weights(pixels: int, start: float, length: float, cells: int) -> NDArray[np.float64]:
    """Return (pixels, cells): how much of each cell the centre of each pixel of one axis sees."""
    centres = np.arange(pixels) + 0.5
    at = (centres - start) * cells / length - 0.5
    inside = (centres >= start) & (centres <= start + length)
    at = np.clip(at, 0.0, cells - 1.0)
    return np.asarray(np.maximum(1.0 - np.abs(at[:, None] - np.arange(cells)), 0.0) * inside[:, None], np.float64)
