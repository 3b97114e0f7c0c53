"""Folds of the cortex: noise that hardly changes on the way inwards.

Its zero crossings are sheets that stand on the surface of the brain, as sulci do.
"""

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.phantom.cranium import Space
from hounsfield.model.phantom.field import Region, Volume, gaussian

STRETCH = 0.35
"""Of a way along the radius, as the noise sees it."""
OUTER_MM = 75.0


def folded(rng: np.random.Generator, space: Space, isotropic: Volume, pit_mm: float) -> Volume:
    """Return ``isotropic`` (variance one) mixed with radial noise inside the brain; no two heads are mixed alike."""
    share = np.float32(rng.uniform(0.4, 1.0))
    points = _compressed(space, space.brain)
    radial = _sampled(rng, points, pit_mm * rng.uniform(0.8, 1.3))
    out = isotropic.copy()
    out[space.brain] = share * radial + np.sqrt(1 - share**2) * isotropic[space.brain]
    return out


def _compressed(space: Space, where: Region) -> tuple[Volume, Volume, Volume]:
    x, y, z = (np.broadcast_to(q, where.shape)[where] for q in space.point)
    radius = np.sqrt(x**2 + (0.8 * y) ** 2 + z**2) + np.float32(1e-3)
    factor = STRETCH + (1 - STRETCH) * np.float32(OUTER_MM) / np.maximum(radius, 20)
    return x * factor, y * factor, z * factor


def _sampled(rng: np.random.Generator, points: tuple[Volume, Volume, Volume], length_mm: float) -> Volume:
    """Return smooth noise of variance one at scattered points: knots, blurred, read between by weights."""
    step = np.float32(length_mm * 0.7)
    low = np.array([q.min() for q in points], np.float32) - 2 * step
    sizes = [int((q.max() - edge) / step) + 4 for q, edge in zip(points, low, strict=True)]
    knots = gaussian(rng.standard_normal(sizes[::-1], dtype=np.float32), 1.1, 1.1)
    knots /= knots.std()
    at = [(q - edge) / step for q, edge in zip(points, low, strict=True)]
    floor = [q.astype(np.int32) for q in at]
    part = [q - whole for q, whole in zip(at, floor, strict=True)]
    total = np.zeros(len(at[0]), np.float32)
    flat, (wide, high) = knots.ravel(), sizes[:2]
    base = (floor[2] * high + floor[1]) * wide + floor[0]
    for corner in range(8):
        bits = [(corner >> axis) & 1 for axis in range(3)]
        offset = (bits[2] * high + bits[1]) * wide + bits[0]
        total += _weight(part, bits) * flat[base + offset]
    return total / np.float32(total.std() + 1e-6)


def _weight(part: list[Volume], bits: list[int]) -> NDArray[np.float32]:
    weight = np.ones(len(part[0]), np.float32)
    for q, bit in zip(part, bits, strict=True):
        weight *= q if bit else 1 - q
    return weight
