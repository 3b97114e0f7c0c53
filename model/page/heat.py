"""The colours of heat: inferno over the grey slice. From dark to bright in every kind of colour vision."""

import functools
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.page.canvas import Picture

_LOWEST: Final = 0.25
"""Where in the colour map little heat begins: what is darker than the brain under it cannot be seen."""
_COVER: Final = 0.78
"""The brain shines through the hottest place too."""


def overlaid(plain: Picture, heat: NDArray[np.floating]) -> Picture:
    """Lay heat (rows, columns) in [0, 1] over a picture of the same size; where there is none nothing changes."""
    warm = heat > 0.5 / 255
    degree = np.clip(heat[warm], 0.0, 1.0).astype(np.float32)
    cover = _COVER * np.sqrt(degree)[:, None]
    out = plain.copy()
    out[warm] = np.rint(plain[warm] * (1.0 - cover) + _colours()[np.rint(degree * 255).astype(np.uint8)] * cover)
    return out


def legend(width: int, height: int) -> Picture:
    """Return a bar from no heat to the most, over the grey of the brain."""
    grey: Picture = np.full((height, width, 3), 110, np.uint8)
    return overlaid(grey, np.broadcast_to(np.linspace(0.0, 1.0, width, dtype=np.float32), (height, width)))


@functools.cache
def _colours() -> NDArray[np.uint8]:
    at = np.rint(np.linspace(_LOWEST * 255, 255, 256)).astype(np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(at, cv2.COLORMAP_INFERNO)[:, 0, ::-1], np.uint8)
