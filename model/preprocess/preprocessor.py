"""Runs the steps of a spec."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.preprocess.fusion import Operation, fuse
from hounsfield.model.preprocess.plane import FloatImage, Plane
from hounsfield.model.preprocess.spec import PreprocessingSpec

_PROBE = (64, 64)
"""Rows and columns of the air that the steps are tried on."""


@dataclass(frozen=True, slots=True)
class Preprocessor:
    """From the HU of one slice to the tensor a network sees. Stateless: threads may share one."""

    operations: tuple[Operation, ...]

    @classmethod
    def from_spec(cls, spec: PreprocessingSpec) -> "Preprocessor":
        """Build from the manifest's section."""
        return cls(fuse(spec.steps))

    def shape(self) -> tuple[int, int, int]:
        """Return (rows, columns, channels) of its tensors, tried on air. Raises ValueError if its steps do not fit."""
        rows, columns, channels = self.tensor(np.full(_PROBE, -1000, np.int16), (1.0, 1.0)).shape
        return rows, columns, channels

    def tensor(self, hu: NDArray[np.floating | np.integer], pixel_spacing_mm: tuple[float, float]) -> FloatImage:
        """Return float32 (height, width, channels) for one slice.

        ``hu`` is (rows, columns) in HU, with padding as it came; int16 is the fastest. ``pixel_spacing_mm`` is
        (between rows, between columns) as in Pixel Spacing (0028,0030), PS3.3 section 10.7.1.3. Raises ValueError
        for an array that is not one slice, or a spacing that is not positive.
        """
        if hu.ndim != 2 or 0 in hu.shape:
            raise ValueError(f"a slice has shape (rows, columns), not {hu.shape}")
        if not all(np.isfinite(mm) and mm > 0 for mm in pixel_spacing_mm):
            raise ValueError("pixel spacing must be two positive numbers in mm")
        if hu.dtype == np.int16:
            plane = Plane(np.ascontiguousarray(hu, np.int16), pixel_spacing_mm)
        else:
            plane = Plane(np.ascontiguousarray(hu, np.float32), pixel_spacing_mm)
        for operation in self.operations:
            plane = operation.apply(plane)
        values = plane.floats if plane.values.ndim == 3 else plane.floats[..., None]
        return np.ascontiguousarray(values, np.float32)
