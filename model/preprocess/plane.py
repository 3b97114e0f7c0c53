"""What travels through the steps: one slice with its pixel spacing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
Values = NDArray[np.int16] | NDArray[np.float32]
Mask = NDArray[np.uint8]
"""0 outside, 1 inside."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One slice on its way from HU to tensor."""

    values: Values
    """(rows, columns), or (rows, columns, channels) after a step that makes channels; HU may be int16."""
    spacing_mm: tuple[float, float]
    """Distance between rows and between columns."""

    @property
    def floats(self) -> FloatImage:
        """The values as float32."""
        return np.asarray(self.values, np.float32)

    def require_single_channel(self, step: str) -> None:
        """Raise ValueError if ``step`` stands after one that already made channels."""
        if self.values.ndim != 2:
            raise ValueError(f"step {step!r} takes one channel and must stand before the step that makes channels")
