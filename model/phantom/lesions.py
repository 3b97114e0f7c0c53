"""Haemorrhages of five kinds: planned first, since they push the brain aside, painted last."""

from dataclasses import dataclass

import numpy as np

from hounsfield.model.phantom.brain import Brain
from hounsfield.model.phantom.cranium import Build, Space
from hounsfield.model.phantom.field import Region, Volume, ellipsoid
from hounsfield.model.phantom.head import Difficulty, Grid, Subtype

BRAIN_HU = 36.0
"""Blood differs from this by its contrast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesion:
    """Where a haemorrhage sits (mm in the head), how large it is and how far it pushes the midline."""

    kind: Subtype
    side: int
    x: float = 0.0
    y: float
    z: float
    radius: float = 0.0
    """Radius of a clot, thickness of a collection."""
    shift: float = 0.0
    angle: float = 0.0
    arc: float = 1.0
    tall: float = 1.0


def plan(rng: np.random.Generator, kind: Subtype, build: Build, size: float) -> Lesion:
    """Return a lesion of this kind somewhere plausible."""
    u = rng.uniform
    side = int(rng.choice([-1, 1]))
    y, z = u(-45, 45), u(-12, 0.62 * build.height)
    if kind is Subtype.INTRAPARENCHYMAL:
        x, y, z = _inside_the_brain(rng, side, y, z)
        radius = float(np.exp(u(np.log(4), np.log(25)))) * size
        shift = max(0.0, radius - 10) * u(0, 0.6)
        return Lesion(kind=kind, side=side, x=x, y=y, z=z, radius=radius, shift=shift)
    if kind is Subtype.SUBDURAL:
        radius = u(3, 15) * size
        shape = {"arc": u(0.5, 1.35), "tall": u(25, 55), "angle": u(-0.9, 0.9), "shift": radius * u(0, 0.8)}
        return Lesion(kind=kind, side=side, y=y, z=z, radius=radius, **shape)
    if kind is Subtype.EPIDURAL:
        radius = u(7, 28) * size
        shape = {"arc": u(0.28, 0.55), "tall": u(16, 32), "angle": u(-1, 1), "shift": radius * u(0, 0.4)}
        return Lesion(kind=kind, side=side, y=y, z=z, radius=radius, **shape)
    return Lesion(kind=kind, side=side, y=y, z=z)


def _inside_the_brain(rng: np.random.Generator, side: int, y: float, z: float) -> tuple[float, float, float]:
    u = rng.uniform
    if rng.random() < 0.45:  # deep, as hypertension makes them
        return side * u(14, 30), u(-12, 16), u(-2, 18)
    if rng.random() < 0.15:  # cerebellum
        return side * u(5, 28), u(34, 58), u(-36, -20)
    return side * u(18, 48), y, z


def push(space: Space, build: Build, lesions: list[Lesion]) -> tuple[Space, tuple[float, float]]:
    """Return the space after mass effect, and how swollen the left and right half are (0..1)."""
    x, y, z = space.point
    swelling = [0.0, 0.0]
    for one in lesions:
        if one.shift:
            fall = np.exp(-(((y - one.y) / 45) ** 2) - ((z - one.z) / 38) ** 2)
            x = x + np.float32(one.side * one.shift) * fall * np.clip(1 - (x / build.half_width) ** 2, 0, 1)
            half = int(one.side > 0)
            swelling[half] = max(swelling[half], min(one.shift / 6, 1.0))
        if one.kind is Subtype.INTRAPARENCHYMAL and one.radius > 6:
            centre = (one.x, one.y, one.z)
            pull = 1 - np.float32(0.35) * np.exp(-ellipsoid((x, y, z), centre, (1.5 * one.radius,) * 3))
            x, y, z = (np.float32(c) + (q - np.float32(c)) * pull for c, q in zip(centre, (x, y, z), strict=True))
    return space.moved(x, y, z), (swelling[0], swelling[1])


def paint(
    rng: np.random.Generator, grid: Grid, space: Space, brain: Brain, lesion: Lesion, difficulty: Difficulty
) -> Region:
    """Draw blood into ``brain.hu`` and return where it is."""
    lump = grid.noise(rng, 8, 7, 7)
    dose = rng.uniform(52, 78) if rng.random() < 0.85 else rng.uniform(44, 54)
    if lesion.kind is Subtype.INTRAPARENCHYMAL:
        region, value = _clot(rng, grid, space, brain, lesion, lump, dose)
    elif lesion.kind is Subtype.INTRAVENTRICULAR:
        region, value = _in_ventricles(rng, space, brain, lesion, lump), dose + 4 * lump
    elif lesion.kind is Subtype.SUBARACHNOID:
        region = _in_fluid_spaces(rng, space, brain, lesion, lump)
        value = min(dose, 68) - rng.uniform(0, 8) + 3 * lump
    else:
        region, value = _collection(rng, space, lesion, lump, dose)
    region &= space.brain
    blood = BRAIN_HU + (value - BRAIN_HU) * np.float32(difficulty.contrast)
    brain.hu[region] = blood[region]
    return region


def _clot(
    rng: np.random.Generator, grid: Grid, space: Space, brain: Brain, lesion: Lesion, lump: Volume, dose: float
) -> tuple[Region, Volume]:
    u, radius = rng.uniform, lesion.radius
    wide, high = radius * u(0.7, 1.35), radius * u(0.8, 1.1)
    centre = np.array([lesion.x, lesion.y, lesion.z])
    reach = np.sqrt(ellipsoid(space.point, centre, (radius, wide, high)))
    for _ in range(rng.integers(0, 3)):  # more lobes
        scale = u(0.5, 0.8)
        lobe = ellipsoid(
            space.point, centre + rng.normal(0, 0.55 * radius, 3), (radius * scale, wide * scale, high * scale)
        )
        reach = np.minimum(reach, np.sqrt(lobe))
    reach = reach + np.float32(u(0.06, 0.2)) * lump
    if rng.random() < 0.15:  # a shower of small contusions
        reach = reach + np.float32(1.4) * np.clip(grid.noise(rng, 6, 4, 4), -0.6, 1)
    tissue = space.brain & ~brain.ventricle
    oedema = (reach >= 1) & (reach < 1 + u(0.1, 0.55)) & tissue & ~brain.csf
    brain.hu[oedema] -= np.float32(u(4, 12))
    value = dose + np.float32(u(1, 6)) * lump
    if rng.random() < 0.2:  # fluid level: plasma above cells
        value = np.where(space.y < lesion.y + u(-0.3, 0.3) * radius, np.float32(u(34, 46)), value)
    return (reach < 1) & tissue, value


def _in_ventricles(rng: np.random.Generator, space: Space, brain: Brain, lesion: Lesion, lump: Volume) -> Region:
    u = rng.uniform
    region = brain.ventricle & (lump > u(-3, -0.8))
    level = u(-28, 40)
    if rng.random() < 0.75:
        region &= space.y > level + 2 * lump
    if rng.random() < 0.4:
        region &= space.x * lesion.side > -2
    return np.asarray(region)


def _in_fluid_spaces(rng: np.random.Generator, space: Space, brain: Brain, lesion: Lesion, lump: Volume) -> Region:
    u = rng.uniform
    gate = space.x * lesion.side > u(-60, 6)
    gate &= np.abs(space.y - u(-35, 25) + 6 * lump) < u(15, 60)
    gate &= np.abs(space.z - u(-18, 35)) < u(12, 30)
    wider = (np.abs(brain.fold) < brain.openness + u(0.03, 0.12)) & (space.depth < u(6, 18)) & (space.vault < 24)
    region = wider if rng.random() < 0.75 else brain.sulcus
    if rng.random() < 0.75:
        region = region | brain.pools
    return np.asarray((region | brain.csf) & gate & ~brain.ventricle & (lump > u(-2.5, -0.5)))


def _collection(
    rng: np.random.Generator, space: Space, lesion: Lesion, lump: Volume, dose: float
) -> tuple[Region, Volume]:
    """A crescent (subdural) or a lens (epidural) along the inner table."""
    u, subdural = rng.uniform, lesion.kind is Subtype.SUBDURAL
    across = np.abs(np.arctan2(space.y, space.x * lesion.side) - np.float32(lesion.angle)) / np.float32(lesion.arc)
    along = np.clip(1 - ((space.z - lesion.z) / lesion.tall) ** 2, 0, 1)
    if subdural:
        profile = lesion.radius * np.sqrt(np.clip(1 - across**4, 0, 1) * along)
    else:
        profile = lesion.radius * (np.clip(1 - across**2, 0, 1) * along) ** np.float32(0.7)
    region = (space.depth > 0) & (space.vault < profile + 0.5 * lump) & (profile > 0.6)
    if subdural and rng.random() < 0.3:  # along the falx too
        beside = np.abs(space.x - lesion.side * 1.5) < u(1, 3)
        region |= beside & (space.z > 0) & (space.vault < 34) & (np.abs(space.y - lesion.y) < 35)
    value = dose + np.float32(u(1, 4)) * lump
    if rng.random() < 0.3:  # mixed age or swirl
        value = np.where(lump > u(-0.2, 0.8), np.float32(u(32, 46)), value)
    if subdural and rng.random() < 0.15:  # layering
        value = np.where(space.y < lesion.y, np.float32(u(30, 40)), value)
    return region, value
