"""What the scanner adds: slice thickness, in-plane blur, beam hardening and correlated noise."""

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.phantom.cranium import Space
from hounsfield.model.phantom.field import Volume, box_in_plane, gaussian
from hounsfield.model.phantom.head import Grid

LOWEST_HU, HIGHEST_HU = -1024, 3071


def acquire(rng: np.random.Generator, grid: Grid, space: Space, hu: Volume, mimics: float) -> NDArray[np.int16]:
    """Return the picture a scanner makes of ``hu``."""
    u = rng.uniform
    out = gaussian(hu, u(0.25, 0.6), u(0.35, 0.95) / grid.pixel_mm)
    out += _beam_hardening(rng, grid, space, mimics)
    low = space.brain & (space.z < -10)
    sigma = np.float32(np.exp(u(0, np.log(5.5)))) * np.sqrt(1 + np.float32(0.5) * low)
    out += np.where(out > -500, np.float32(1), np.float32(0.3)) * sigma * _grain(rng, grid)
    return quantised(out)


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
