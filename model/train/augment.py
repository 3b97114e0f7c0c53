"""Random changes of training slices that leave a head a head; the same generator gives the same changes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.train.config import Augmentation

Images = NDArray[np.float32]
_CHANNELS_AT_ONCE = 4
"""Of OpenCV's warp."""


def augmented(images: Images, maps: Images, choice: Augmentation, rng: np.random.Generator) -> tuple[Images, Images]:
    """Return changed copies: (k, rows, columns, channels) and the lesion maps that belong to them.

    Every slice is changed on its own; its channels, which are windows or neighbours of one head, are changed alike
    in place and shape, and each for itself in grey values.
    """
    count, _, _, channels = images.shape
    placed = np.empty_like(images)
    placed_maps = np.empty_like(maps)
    for one in range(count):
        matrix, shift = _placement(choice, rng)
        placed[one] = _warped(images[one], matrix, shift)
        placed_maps[one] = _warped(maps[one], matrix, shift)
    gain = rng.uniform(1 - choice.gain, 1 + choice.gain, (count, 1, 1, channels)).astype(np.float32)
    offset = rng.uniform(-choice.offset, choice.offset, (count, 1, 1, channels)).astype(np.float32)
    placed = placed * gain + offset
    if choice.noise:
        deviation = rng.uniform(0, choice.noise, (count, 1, 1, 1)).astype(np.float32)
        placed += rng.standard_normal(placed.shape, np.float32) * deviation
    return placed, placed_maps


def _placement(choice: Augmentation, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where a pixel comes from: a matrix about the centre (columns, rows) and a shift in shares of the side."""
    angle = np.deg2rad(rng.uniform(-choice.rotate_degrees, choice.rotate_degrees))
    scale = 1 / rng.uniform(1 - choice.scale, 1 + choice.scale)
    side = -1.0 if rng.random() < choice.flip else 1.0
    shift = rng.uniform(-choice.shift, choice.shift, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    return turn @ np.diag([side, 1.0]), shift


def _warped(image: Images, matrix: NDArray[np.float64], shift: NDArray[np.float64]) -> Images:
    rows, columns, channels = image.shape
    if rows == 0 or (np.array_equal(matrix, np.eye(2)) and not shift.any()):
        return image
    centre = np.array([(columns - 1) / 2, (rows - 1) / 2])
    move = centre - matrix @ centre + shift * (columns, rows)
    source = np.column_stack([matrix, move])
    parts = [
        cv2.warpAffine(
            np.ascontiguousarray(image[..., start : start + _CHANNELS_AT_ONCE]),
            source,
            (columns, rows),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ).reshape(rows, columns, -1)
        for start in range(0, channels, _CHANNELS_AT_ONCE)
    ]
    return np.concatenate(parts, axis=-1)
