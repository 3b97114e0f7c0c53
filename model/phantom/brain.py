"""The brain: cortex, white and deep grey matter, fluid spaces, ventricles, dura, and benign findings.

HU values are the usual teaching figures (fluid 0-15, white matter 25-32, grey matter 35-42, dura and vessels
40-65, calcification 80-320), written from memory of them.
"""

from dataclasses import dataclass

import numpy as np

from hounsfield.model.phantom.cranium import Space
from hounsfield.model.phantom.field import Region, Volume, ellipsoid, grow_in_plane, tube
from hounsfield.model.phantom.gyri import folded
from hounsfield.model.phantom.head import Grid

DEEP_GREY = (  # caudate head, lentiform nucleus, thalamus: centre, radii, HU below the cortex
    ((13.0, -20.0, 12.0), (5.0, 8.0, 10.0), 1.0),
    ((25.0, -4.0, 4.0), (6.0, 15.0, 11.0), 1.5),
    ((10.0, 10.0, 8.0), (8.0, 13.0, 9.0), 3.0),
)


@dataclass(frozen=True, slots=True)
class Brain:
    """The drawn brain and the spaces that blood can fill."""

    hu: Volume
    fold: Volume
    """Smooth noise whose zero crossings are the sulci."""
    openness: Volume
    """Half width of a sulcus in units of ``fold``."""
    csf: Region
    sulcus: Region
    pools: Region
    """Cisterns and fissures."""
    ventricle: Region
    atrophy: float


def draw_brain(
    rng: np.random.Generator, grid: Grid, space: Space, swelling: tuple[float, float], mimics: float
) -> Brain:
    """Return a brain; ``swelling`` (left, right; 0..1) closes the sulci, ``mimics`` (0..1) is how often each benign
    finding is drawn."""
    atrophy = float(rng.beta(1.3, 1.6))
    pit = rng.uniform(3.2, 4.6)
    more = rng.spawn(1)[0]
    fold = folded(more, space, grid.noise(rng, 5, pit, pit), pit)
    grey = rng.uniform(35, 41)
    tight = np.where(space.x < 0, np.float32(1 - 0.9 * swelling[0]), np.float32(1 - 0.9 * swelling[1]))
    below = (space.ridge > -4) & (space.z < -8 + 10 * np.exp(-((space.ax / 28) ** 2))) & (space.y > 8)
    hu = _matter(rng, grid, space, fold, grey, below)
    openness = tight * np.float32(0.05 + 0.3 * atrophy)
    sulcus = (np.abs(fold) < openness) & (space.depth < 9 + 14 * atrophy) & ~below
    rim = (space.depth < 0.6 + 2.6 * atrophy * tight) & (space.vault < space.base)
    pools, pons = _pools(space, fold, atrophy)
    hu[pons & space.brain] = grey - 5
    csf = (sulcus | rim | pools) & space.brain
    fluid = rng.uniform(4, 11)
    hu[csf] = fluid + 4
    ventricle = _ventricles(rng, space, atrophy)
    hu[ventricle] = fluid
    if rng.random() < 0.15 + 0.5 * atrophy:  # periventricular low density
        near = grow_in_plane(ventricle, max(2, round(4 / grid.pixel_mm))) & ~ventricle & ~csf & space.brain
        hu[near] -= np.float32(rng.uniform(2, 6))
    _draw_dura(rng, space, mimics, hu)
    _draw_calcifications(rng, space, fold, mimics, hu)
    _draw_old_lesion(rng, grid, space, csf, mimics, hu)
    return Brain(hu, fold, openness, csf, sulcus, pools, ventricle, atrophy)


def _matter(rng: np.random.Generator, grid: Grid, space: Space, fold: Volume, grey: float, below: Region) -> Volume:
    """Cortex, white matter, deep grey matter, cerebellum (``below`` the tentorium)."""
    u = rng.uniform
    cortex = (np.abs(fold) < 0.33) | (space.depth < u(2.2, 3.8))
    hu = np.where(cortex & (space.depth < 30), np.float32(grey), np.float32(u(26, 31)))
    for centre, radii, less in DEEP_GREY:
        nucleus = ellipsoid(space.mirrored, np.add(centre, rng.normal(0, 1.2, 3)), np.multiply(radii, u(0.85, 1.15)))
        hu += np.clip(2 - 2 * nucleus - np.float32(0.4) * fold, 0, 1) * np.maximum(grey - less - hu, 0) * u(0.3, 1)
    hu[below] = np.where(np.abs(fold[below]) < 0.5, grey - 1, grey - 5)
    return np.asarray(hu + np.float32(u(0.3, 1.2)) * grid.noise(rng, 14, 14, 14), np.float32)


def _pools(space: Space, fold: Volume, atrophy: float) -> tuple[Region, Region]:
    """Return cisterns and fissures, and the pons."""
    ax, y, z = space.ax, space.y, space.z
    island = np.sqrt(ellipsoid(space.mirrored, (19, -3, 4), (19, 29, 24)))
    fissure = (np.abs(island - 1.05) < 0.02 + 0.09 * atrophy) & (np.abs(y + 4) < 22) & (ax > 26)
    lateral = np.abs(y + 9 + 0.25 * (ax - 40) + 1.2 * fold) < 0.7 + 2.6 * atrophy
    fissure |= lateral & (ax > 36) & (np.abs(z - 3) < 14)
    fissure |= (ax < 0.5 + 1.6 * atrophy + 0.4 * fold) & (z > -18) & ((y < -24) | (y > 34) | (z > 34))
    cistern = (ax + 0.9 * np.abs(y + 8) < 13 + 3 * atrophy) & (z > -34) & (z < -13)
    pons = ellipsoid(space.point, (0, 10, -28), (15, 14, 30)) < 1
    shell = ellipsoid(space.point, (0, 12, -16), (19, 17, 14))
    around = shell > 0.72 - 0.1 * atrophy
    cistern |= (shell < 1) & around & (z < -2) & (z > -26)
    cistern |= (ellipsoid(space.point, (0, 28, -2), (9, 6, 7)) < 1) & (z < 6)
    cistern &= ~pons | (shell > 0.72)
    return np.asarray(cistern | fissure), np.asarray(pons)


def _ventricles(rng: np.random.Generator, space: Space, atrophy: float) -> Region:
    """Return the ventricles, of one size per head, or a little different on each side."""
    ax, y, z = space.ax, space.y, space.z
    big = float(np.exp(rng.normal(-0.05, 0.32))) + 0.55 * atrophy
    sides = ax if rng.random() < 0.4 else np.where(space.x < 0, ax * np.float32(rng.uniform(0.8, 1.25)), ax)
    point = (sides, y, z)
    inside = tube(point, (6.5, -24, 8), (5.5, -4, 17), 3.4 * big, 3.2 * big)  # frontal horn
    inside |= tube(point, (6, -6, 18), (13, 18, 21), 3.2 * big, 3.8 * big)  # body
    inside |= tube(point, (14, 18, 19), (23, 31, 8), 3.6 * big, 5 * big)  # trigone
    if rng.random() < 0.7:
        inside |= tube(point, (22, 32, 8), (20, 50, 7), 3.8 * big, 1.5 * big)  # occipital horn
    if big > 0.8:
        inside |= tube(point, (25, 26, 2), (30, 0, -14), 2.2 * big, 1.6 * big)  # temporal horn
    inside |= (ax < 1.1 * big) & (np.abs(y - 2) < 12) & (np.abs(z - 3) < 10)  # third
    inside |= ellipsoid(space.point, (0, 36, -28), (6 * big, 5 * big, 8)) < 1  # fourth
    if rng.random() < 0.85:
        inside &= ~((ax < 0.8) & (y < 0) & (z > 6))  # septum
    return np.asarray(inside & space.brain)


def _draw_dura(rng: np.random.Generator, space: Space, mimics: float, hu: Volume) -> None:
    """Falx, tentorium, venous sinuses, arteries of the base; with mimics sometimes thick or dense."""
    u, ax, y, z = rng.uniform, space.ax, space.y, space.z
    dura = u(38, 50) + 10 * (rng.random() < mimics * 0.6)
    thick = u(0.5, 1.0) + 1.0 * (rng.random() < mimics * 0.4)
    falx = (ax < thick) & (z > -8) & ((space.vault < 30) | (y > 28)) & ((y < -26) | (y > 30) | (space.vault < 24))
    sheet = z + 12 - 12 * np.exp(-((ax / 26) ** 2)) - 0.05 * (y - 20)
    tentorium = (np.abs(sheet) < thick * 1.2) & (y > 12) & (ax > 8) & (space.ridge > -3)
    hu[(falx | tentorium) & space.brain] = dura
    sinus = u(42, 58) + 6 * (rng.random() < mimics * 0.5)
    radius = u(3, 5.5)
    sagittal = (ax / radius + np.maximum(space.vault, 0) / (1.8 * radius) < 1) & (y > 12) & (z > -10)
    transverse = (np.abs(z + 14) < 4) & (space.vault < u(3, 6)) & (y > 25)
    hu[(sagittal | transverse) & space.brain] = sinus
    hu[tube(space.mirrored, (5, -8, -18), (32, -10, -10), u(0.8, 1.6), 0.8) & space.brain] = sinus - 4
    hu[(ellipsoid(space.point, (0, -4, -24), (2, 2, 14)) < 1) & space.brain] = sinus - 2


def _draw_calcifications(rng: np.random.Generator, space: Space, fold: Volume, mimics: float, hu: Volume) -> None:
    u = rng.uniform
    spots: list[tuple[float, float, float, float]] = []
    if rng.random() < mimics:  # pineal
        spots.append((0, 24, 5, u(1.2, 3)))
    if rng.random() < mimics:  # choroid plexus
        sides = [side for side in (-1, 1) if rng.random() < 0.85]
        spots += [(side * 22 * u(0.9, 1.1), u(24, 32), u(7, 13), u(1.5, 5)) for side in sides]
    if rng.random() < mimics * 0.3:  # globus pallidus
        spots += [(side * 21, u(-8, 2), u(2, 8), u(1.5, 4)) for side in (-1, 1)]
    if rng.random() < mimics * 0.4:  # falx
        spots += [(0, u(-60, 50), u(25, 55), u(1.5, 5)) for _ in range(rng.integers(1, 4))]
    if rng.random() < mimics * 0.25:
        spots.append((u(-45, 45), u(-50, 50), u(-10, 45), u(1, 4)))
    for x, y, z, radius in spots:
        radii = (radius if x else min(radius, 1.6), radius, radius + 2)
        inside = ellipsoid(space.point, (x, y, z), radii) + np.float32(0.3) * fold < 1
        hu[inside & space.brain] = u(80, 320)


def _draw_old_lesion(
    rng: np.random.Generator, grid: Grid, space: Space, csf: Region, mimics: float, hu: Volume
) -> None:
    """A dark infarct, cavity or oedema."""
    if rng.random() >= mimics * 0.3:
        return
    u = rng.uniform
    centre = (int(rng.choice([-1, 1])) * u(20, 50), u(-45, 55), u(-10, 45))
    radius = u(8, 24)
    dark = ellipsoid(space.point, centre, (radius, radius * u(0.7, 1.5), radius)) + 0.35 * grid.noise(rng, 10, 8, 8) < 1
    dark &= space.brain & ~csf
    hu[dark] = np.minimum(hu[dark], np.float32(u(10, 25)))
