"""The stored values of an image, whatever its rescale is."""

from dataclasses import replace

import numpy as np

from hounsfield.model.frames import FrameIndex
from hounsfield.model.headers import SliceHeader
from hounsfield.model.pixels import read_pixels


def read_raw(header: SliceHeader, index: FrameIndex | None = None) -> np.ndarray:
    """Return (rows, columns), masked and sign-extended by Bits Stored: the same for every lossless encoding."""
    return read_pixels(replace(header, slope=1.0, intercept=0.0), index).stored
