"""Images of other sizes: the mean over each new pixel when shrinking, linear between the old ones when enlarging."""

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.preprocess.plane import FloatImage

_Axis = tuple[NDArray[np.intp], NDArray[np.intp], FloatImage]


def scaled(values: FloatImage, pixels: int) -> FloatImage:
    """Return (pixels, pixels) or (pixels, pixels, channels) of an image of any shape.

    It is shrunk by area where both sides are at least ``pixels``. Enlarging is not left to OpenCV, whose coordinates
    in single precision cost it two digits.
    """
    if min(values.shape[:2]) >= pixels:
        return np.asarray(cv2.resize(values, (pixels, pixels), interpolation=cv2.INTER_AREA), np.float32)
    for axis in (0, 1):
        lower, upper, part = _axis(values.shape[axis], pixels)
        part = part.reshape([-1 if a == axis else 1 for a in range(values.ndim)])
        below = np.take(values, lower, axis)
        values = below + (np.take(values, upper, axis) - below) * part
    return values


@functools.lru_cache(maxsize=64)
def _axis(source: int, target: int) -> _Axis:
    """For each new pixel the old ones around its centre, and how far it lies on the way between them."""
    at = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    lower = np.floor(at).astype(np.intp)
    return lower, np.minimum(lower + 1, source - 1), (at - lower).astype(np.float32)
