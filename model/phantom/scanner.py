"""What the scanner adds: slice thickness, in-plane blur, beam hardening, correlated noise, and what is odd about it."""

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.phantom.artefacts import add_metal, add_rings
from hounsfield.model.phantom.cranium import Space
from hounsfield.model.phantom.field import Volume, box_in_plane, gaussian
from hounsfield.model.phantom.head import Difficulty, Grid

LOWEST_HU, HIGHEST_HU = -1024, 3071


def acquire(
    rng: np.random.Generator, grid: Grid, space: Space, hu: Volume, difficulty: Difficulty
) -> NDArray[np.int16]:
    """Return the picture a scanner makes of ``hu``."""
    u, odd, how_odd = rng.uniform, rng.spawn(1)[0], difficulty.artefacts
    thick = odd.uniform(0.6, 0.95) if odd.random() < 0.4 * how_odd else 0.0
    out = gaussian(hu, max(u(0.25, 0.6), thick), u(0.35, 0.95) / grid.pixel_mm)
    if odd.random() < 0.2 * how_odd:
        add_metal(odd, grid, space, out)
    out += _beam_hardening(rng, grid, space, difficulty.mimics)
    low = space.brain & (space.z < -10)
    sigma = np.float32(np.exp(u(0, np.log(5.5)))) * np.sqrt(1 + np.float32(0.5) * low)
    out += np.where(out > -500, np.float32(1), np.float32(0.3)) * sigma * _grain(rng, grid)
    return quantised(_peculiar(odd, grid, space, out, how_odd))


def _peculiar(rng: np.random.Generator, grid: Grid, space: Space, hu: Volume, how_odd: float) -> Volume:
    """Add what differs between scanners: edges made crisp, streaks, blotches, rings, a scale that is a little off."""
    u = rng.uniform
    if rng.random() < 0.5 * how_odd:  # a kernel with overshoot
        hu = hu + np.float32(u(0.2, 0.9)) * (hu - gaussian(hu, 0.0, u(0.6, 1.4) / grid.pixel_mm))
    if rng.random() < 0.5 * how_odd:  # photons are few across the petrous bones and the shoulders
        hu = hu + _streaks(rng, grid, space) * np.float32(u(1, 6))
    if rng.random() < 0.4 * how_odd:  # what iterative reconstruction leaves of noise
        hu = hu + grid.noise(rng, 3, u(3, 6), u(3, 6)) * np.float32(u(0.5, 2))
    if rng.random() < 0.2 * how_odd:
        add_rings(rng, grid, hu)
    if rng.random() < how_odd:
        hu = hu * np.float32(u(0.97, 1.03)) + np.float32(u(-4, 4))
    return hu


def _streaks(rng: np.random.Generator, grid: Grid, space: Space) -> Volume:
    rows = rng.standard_normal((len(grid.heights), len(grid.line), 1)).astype(np.float32)
    slow = grid.noise(rng, 6, 8, 40)
    return np.asarray(rows * (0.5 + np.abs(slow)) * (space.z < -5) * space.brain, np.float32)


def quantised(hu: Volume) -> NDArray[np.int16]:
    """Return whole HU in the range that 12 bits hold."""
    return np.clip(np.rint(hu), LOWEST_HU, HIGHEST_HU).astype(np.int16)


def _beam_hardening(rng: np.random.Generator, grid: Grid, space: Space, mimics: float) -> Volume:
    """An uneven bright rim under the skull and a dark bar between the petrous bones."""
    u = rng.uniform
    rim = np.clip(1 - space.vault / np.float32(u(4, 16)), 0, 1) * space.brain
    rim *= np.float32(u(0, 8) * (1 + mimics * (rng.random() < 0.3)))
    rim *= np.clip(1 + np.float32(0.5) * grid.noise(rng, 25, 40, 40), 0, 2)
    low = space.brain & (space.z < -10)
    bar = np.exp(-(((space.y - np.float32(14 - space.nod * 20)) / 6) ** 2) - (space.ax / 40) ** 2)
    return np.asarray(rim - low * bar * np.float32(u(0, 14)), np.float32)


def _grain(rng: np.random.Generator, grid: Grid) -> Volume:
    grain = rng.standard_normal(grid.shape, dtype=np.float32)
    grain = gaussian(grain, 0.0, rng.uniform(0.4, 0.9) / grid.pixel_mm)
    if rng.random() < 0.5:  # a sharper kernel has less noise of low frequency
        grain -= np.float32(0.6) * box_in_plane(grain, 5)
    return np.asarray(grain / grain.std(), np.float32)
