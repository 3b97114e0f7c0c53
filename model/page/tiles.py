"""Slices as pictures: brain window, true proportions, cropped to the head, with the letters of the patient's sides."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.page.canvas import Picture

WINDOW_CENTRE: Final = 40.0
WINDOW_WIDTH: Final = 80.0
_HEAD_HU: Final = -200.0
_LEAST_HEAD: Final = 0.02
_ROOM: Final = 1.16
"""Around the head, for the letters."""
_LETTERS: Final = (("R", "L"), ("A", "P"), ("F", "H"))
"""Towards the negative and the positive patient axes x, y, z (PS3.3 C.7.6.2.1.1)."""

Box = tuple[float, float, float, float]
"""Top, bottom, left, right in mm."""


def edge_letters(orientation: Sequence[float]) -> tuple[str, str, str, str]:
    """Letters at the left, right, top and bottom edge of an image as it is displayed."""
    row, column = orientation[:3], orientation[3:]
    return _opposite(row), _towards(row), _opposite(column), _towards(column)


def picture(hu: NDArray[np.floating], spacing: tuple[float, float], box: Box, side: int) -> Picture:
    """Draw the part of a slice inside ``box`` on a black square of ``side`` pixels, in the brain window; RGB."""
    grey = np.clip((np.asarray(hu, np.float32) - (WINDOW_CENTRE - WINDOW_WIDTH / 2)) * (255 / WINDOW_WIDTH), 0, 255)
    drawn = placed(grey, spacing, box, side)
    return np.repeat(np.clip(drawn, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def placed(values: NDArray[np.float32], spacing: tuple[float, float], box: Box, side: int) -> NDArray[np.float32]:
    """Resample what belongs to the pixels of a slice, grey or heat, to a square of ``side`` pixels; zero beyond it.

    As the slice is stored: never turned, never mirrored. Cubic, so values may overshoot a little.
    """
    top, bottom, left, right = box
    scale = side / max(bottom - top, right - left)  # pixels per mm
    zoom_x, zoom_y = scale * spacing[1], scale * spacing[0]
    shift_x = side / 2 - scale * (left + right) / 2
    shift_y = side / 2 - scale * (top + bottom) / 2
    # half a pixel: positions are of pixel centres
    matrix = np.array([[zoom_x, 0, shift_x + zoom_x / 2 - 0.5], [0, zoom_y, shift_y + zoom_y / 2 - 0.5]])
    if max(zoom_x, zoom_y) < 1:  # a smaller picture needs its detail averaged, not dropped
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), sigmaX=0.4 / zoom_x, sigmaY=0.4 / zoom_y), np.float32)
    return np.asarray(cv2.warpAffine(values, matrix, (side, side), flags=cv2.INTER_CUBIC, borderValue=0.0), np.float32)


def head_box(slices: Sequence[tuple[NDArray[np.floating], tuple[float, float]]]) -> Box:
    """Square in mm around the heads of all slices (HU, spacing), so that all are drawn at one scale."""
    boxes = [_largest_body(hu, spacing) for hu, spacing in slices]
    top, left = min(b[0] for b in boxes), min(b[2] for b in boxes)
    bottom, right = max(b[1] for b in boxes), max(b[3] for b in boxes)
    half = max(bottom - top, right - left) / 2 * _ROOM
    y, x = (top + bottom) / 2, (left + right) / 2
    return y - half, y + half, x - half, x + half


def _largest_body(hu: NDArray[np.floating], spacing: tuple[float, float]) -> Box:
    count, _, stats, _ = cv2.connectedComponentsWithStats((np.asarray(hu) > _HEAD_HU).astype(np.uint8))
    rows, columns = hu.shape
    whole = (0.0, rows * spacing[0], 0.0, columns * spacing[1])
    if count < 2:
        return whole
    body = stats[1:][np.argmax(stats[1:, cv2.CC_STAT_AREA])]
    if body[cv2.CC_STAT_AREA] < _LEAST_HEAD * rows * columns:
        return whole
    x, y, width, height = (int(value) for value in body[:4])
    return y * spacing[0], (y + height) * spacing[0], x * spacing[1], (x + width) * spacing[1]


def _towards(direction: Sequence[float]) -> str:
    axis = max(range(3), key=lambda i: abs(direction[i]))
    return _LETTERS[axis][int(direction[axis] > 0)]


def _opposite(direction: Sequence[float]) -> str:
    return _towards([-value for value in direction])
