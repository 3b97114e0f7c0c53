"""What goes wrong while a head is scanned: it moves, it holds metal, the detector drifts."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.phantom.cranium import Space
from hounsfield.model.phantom.field import Volume
from hounsfield.model.phantom.head import Grid, Phantom

Matrix = NDArray[np.float64]


def add_metal(rng: np.random.Generator, grid: Grid, space: Space, hu: Volume) -> None:
    """Draw teeth with fillings below the brain, or a clip inside it, with streaks in the slices around."""
    u = rng.uniform
    if rng.random() < 0.5:
        last = rng.integers(1, max(2, len(hu) // 6) + 1)
        for index in range(int(last)):
            _streak(rng, grid, hu[index], u(-30, 30), -grid.line.max() * u(0.4, 0.7), u(200, 900))
        return
    inside = np.flatnonzero(space.brain.sum(axis=(1, 2)) > 200)
    if len(inside) == 0:
        return
    index, x, y = int(rng.choice(inside)), u(-45, 45), u(-55, 55)
    for near in range(max(index - 1, 0), min(index + 2, len(hu))):
        _streak(rng, grid, hu[near], x, y, u(40, 220) if near == index else u(10, 60))


def _streak(rng: np.random.Generator, grid: Grid, plane: Volume, x: float, y: float, strength: float) -> None:
    """Bright and dark rays around a spot; they fade with the distance."""
    across, down = grid.line[None, :] - np.float32(x), grid.line[:, None] - np.float32(y)
    distance = np.sqrt(across**2 + down**2)
    turn = np.arctan2(down, across)
    rays = sum(np.cos(rng.integers(3, 16) * turn + np.float32(rng.uniform(0, 6.3))) for _ in range(4))
    plane += np.float32(strength) * np.asarray(rays, np.float32) / (1 + distance / np.float32(4))
    plane[distance < rng.uniform(1.5, 4)] = 3000


def add_rings(rng: np.random.Generator, grid: Grid, hu: Volume) -> None:
    """Add rings around the axis of the gantry, a few HU high, from a detector that is out of tune."""
    centre = rng.uniform(-15, 15, 2).astype(np.float32)
    radius = np.sqrt((grid.line[None, :] - centre[0]) ** 2 + (grid.line[:, None] - centre[1]) ** 2)
    profile = rng.standard_normal(400).astype(np.float32) * (rng.random(400) < 0.25) * np.float32(rng.uniform(1, 5))
    hu += np.interp(radius.ravel(), np.arange(400), profile).astype(np.float32).reshape(radius.shape)


def moved(rng: np.random.Generator, phantom: Phantom) -> Phantom:
    """Return the head after it moved during a few slices: they are shifted, doubled or smeared."""
    count = len(phantom.hu)
    first = int(rng.integers(0, count))
    behind = min(count, first + int(rng.integers(1, max(2, count // 3) + 1)))
    hu, label, brain = phantom.hu.copy(), phantom.label.copy(), phantom.brain.copy()
    amount = rng.uniform(0.5, 3.0)
    for index in range(first, behind):
        there = _motion(rng, phantom, amount)
        hu[index] = _smeared(rng, hu[index].astype(np.float32), there, phantom)
        if rng.random() < 0.3:  # the whole slice lies elsewhere
            place = _motion(rng, phantom, 2 * amount)
            hu[index] = _warped(hu[index].astype(np.float32), place, -1000.0)
            label[index] = _warped(label[index], place, 0, cv2.INTER_NEAREST)
            brain[index] = _warped(brain[index].astype(np.uint8), place, 0, cv2.INTER_NEAREST) > 0
    return replace(phantom, hu=hu, label=label, brain=brain)


def _smeared(rng: np.random.Generator, plane: Volume, there: Matrix, phantom: Phantom) -> Volume:
    share = np.float32(rng.uniform(0.15, 0.5))
    mixed = (1 - share) * plane + share * _warped(plane, there, -1000.0)
    if rng.random() < 0.4:
        width = rng.uniform(0.5, 2.0) / phantom.spacing_mm[2]
        mixed = np.asarray(cv2.GaussianBlur(mixed, (0, 0), sigmaX=width, sigmaY=0.3), np.float32)
    return np.clip(mixed, -1024, 3071)


def _motion(rng: np.random.Generator, phantom: Phantom, amount_mm: float) -> Matrix:
    rows, columns = phantom.hu.shape[1:]
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), float(rng.normal(0, amount_mm)), 1.0)
    matrix[:, 2] += rng.normal(0, amount_mm, 2) / phantom.spacing_mm[2]
    return np.asarray(matrix, np.float64)


def _warped(plane: NDArray[np.generic], matrix: Matrix, beyond: float, how: int = cv2.INTER_LINEAR) -> Volume:
    rows, columns = plane.shape
    return np.asarray(cv2.warpAffine(plane, matrix, (columns, rows), flags=how, borderValue=beyond))
