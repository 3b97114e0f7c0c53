"""What is drawn and with which settings; the two painters behind one shape."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.phantom.field import Region, Volume, smooth_field


class Subtype(StrEnum):
    """Kinds of intracranial haemorrhage; a label volume holds 1 + the position in this list."""

    EPIDURAL = "epidural"
    INTRAPARENCHYMAL = "intraparenchymal"
    INTRAVENTRICULAR = "intraventricular"
    SUBARACHNOID = "subarachnoid"
    SUBDURAL = "subdural"

    @property
    def code(self) -> int:
        """Value in a label volume."""
        return list(Subtype).index(self) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """How hard a head is to read."""

    size: float = 1.0
    """Factor on the extent of lesions."""
    contrast: float = 1.0
    """Factor on the difference between blood and brain."""
    mimics: float = 0.5
    """How often each benign bright or dark finding is drawn, 0..1."""
    second: float = 0.25
    """Chance of another haemorrhage in a head that has one."""
    artefacts: float = 0.5
    """How often each thing goes wrong that scanners and patients do (motion, metal, odd kernels), 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Where the scanner samples the head."""

    matrix: int = 256
    slices: int = 24
    step_mm: float = 5.0
    """Table feed from slice to slice."""
    field_of_view_mm: float | None = None
    """Edge of the square image; random from 205 to 250 if None."""
    tilt_degrees: float = 0.0
    """Gantry tilt: planes turn about the left-right axis while the table still moves along the patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phantom:
    """A drawn head. Axes: z from the skull base upwards, y from front to back, x from the viewer's left."""

    hu: NDArray[np.int16]
    label: NDArray[np.uint8]
    """0 without lesion, else :attr:`Subtype.code`."""
    brain: Region
    spacing_mm: tuple[float, float, float]
    """(between slices along the table, between rows, between columns)."""

    @property
    def lesion_mm2(self) -> NDArray[np.float64]:
        """Area of haemorrhage in each slice."""
        pixel: float = self.spacing_mm[1] * self.spacing_mm[2]
        return np.asarray((self.label > 0).sum(axis=(1, 2)) * pixel, np.float64)


@dataclass(frozen=True, slots=True)
class Grid:
    """The sampled points in scanner coordinates (mm): x to the left of the patient, y to the back, z upwards."""

    heights: Volume
    line: Volume
    spacing_mm: tuple[float, float, float]
    tilt: float
    """Radians."""

    @classmethod
    def of(cls, scan: Scan, field_of_view_mm: float, top_mm: float) -> "Grid":
        """The last slice lies at ``top_mm``."""
        pixel = field_of_view_mm / scan.matrix
        line = ((np.arange(scan.matrix) - (scan.matrix - 1) / 2) * pixel).astype(np.float32)
        heights = (top_mm - scan.step_mm * np.arange(scan.slices)[::-1]).astype(np.float32)
        return cls(heights, line, (scan.step_mm, pixel, pixel), float(np.deg2rad(scan.tilt_degrees)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        return len(self.heights), len(self.line), len(self.line)

    @property
    def pixel_mm(self) -> float:
        """Distance of pixel centres."""
        return self.spacing_mm[2]

    def coordinates(self) -> tuple[Volume, Volume, Volume]:
        """Return x, y, z of the sampled points; a tilt shears z along y."""
        row = self.line[None, :, None]
        y = row * np.float32(np.cos(self.tilt))
        z = self.heights[:, None, None] + row * np.float32(np.sin(self.tilt))
        return self.line[None, None, :], y, np.asarray(z, np.float32)

    def noise(self, rng: np.random.Generator, *lengths_mm: float) -> Volume:
        """Return smooth noise with correlation lengths along z, y, x."""
        return smooth_field(rng, (self.heights, self.line, self.line), lengths_mm)
