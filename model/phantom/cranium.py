"""The head as a space to draw in: its pose, the inner table of the skull, and skull, scalp and face around it."""

from dataclasses import dataclass, replace

import numpy as np

from hounsfield.model.phantom.field import Point, Region, Volume, ellipsoid, soft_step
from hounsfield.model.phantom.head import Grid

AIR_HU = -1000.0


@dataclass(frozen=True, slots=True)
class Build:
    """The measures of one head, mm."""

    half_width: float
    half_length: float
    height: float
    skull: float
    scalp: float

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Build":
        """Adult heads."""
        inner = rng.normal(68, 3), rng.normal(84, 4), rng.normal(68, 4)
        return cls(*inner, rng.uniform(4.5, 9), rng.uniform(3, 8))


@dataclass(frozen=True, slots=True)
class Space:
    """Coordinates of every voxel in the head and its distances (mm) to what encloses the brain."""

    x: Volume
    y: Volume
    z: Volume
    vault: Volume
    """Distance inside the inner table; negative outside."""
    base: Volume
    """Distance above the floor of the skull."""
    ridge: Volume
    """Behind the petrous ridges where positive."""
    brain: Region
    scanner: Point
    """The same voxels before the pose of the head, for what stays with the scanner."""
    nod: float

    @property
    def ax(self) -> Volume:
        """Distance from the midline."""
        return np.abs(self.x)

    @property
    def depth(self) -> Volume:
        """Distance to the nearest bone."""
        return np.minimum(self.vault, self.base)

    @property
    def point(self) -> Point:
        """Coordinates as a triple."""
        return self.x, self.y, self.z

    @property
    def mirrored(self) -> Point:
        """Coordinates that are the same on both sides."""
        return self.ax, self.y, self.z

    def moved(self, x: Volume, y: Volume, z: Volume) -> "Space":
        """Return the space after the brain was pushed; the skull stays."""
        return replace(self, x=x, y=y, z=z)


def pose(rng: np.random.Generator, grid: Grid) -> tuple[Volume, Volume, Volume, Point, float]:
    """Return x, y, z of a head that lies a little turned and is a little warped, the scanner's axes and the nod."""
    u = rng.uniform
    x0, y0, z0 = grid.coordinates()
    x0, y0 = x0 - np.float32(u(-4, 4)), y0 - np.float32(u(-4, 4))
    yaw, roll, nod_angle = (np.deg2rad(rng.normal(0, deviation)) for deviation in (7, 3, 8))
    cos, sin, lean, nod = (np.float32(f) for f in (np.cos(yaw), np.sin(yaw), np.sin(roll), np.sin(nod_angle)))
    bend = np.float32(u(0.5, 2.2))
    x = x0 * cos + y0 * sin + z0 * lean + bend * grid.noise(rng, 30, 30, 30)
    y = -x0 * sin + y0 * cos + z0 * nod + bend * grid.noise(rng, 30, 30, 30)
    z = z0 - x0 * lean - y0 * nod + bend * grid.noise(rng, 30, 30, 30)
    return x, y, z, (x0, y0, z0), float(nod_angle)


def enclose(rng: np.random.Generator, grid: Grid, build: Build) -> Space:
    """Return the space inside an egg-shaped vault that is cut by the stepped floor of the skull."""
    u = rng.uniform
    x, y, z, scanner, nod = pose(rng, grid)
    ax = np.abs(x)
    power = u(2, 2.35)
    wide = build.half_width * (1 + np.float32(u(0.02, 0.09) / build.half_length) * y)
    ring = (ax / wide) ** np.float32(power) + (np.abs(y) / np.float32(build.half_length)) ** np.float32(power)
    upper = np.sqrt(
        ring ** np.float32(2 / power)
        + (np.maximum(z, 0) / np.float32(build.height)) ** 2
        + (np.minimum(z, 0) / np.float32(110)) ** 2
    )
    vault = (1 - upper) * np.float32((build.half_width + build.half_length) / 2)
    ridge = y - (6 + np.float32(0.42) * ax)
    frontal = np.asarray(y + 36 - np.float32(0.15) * ax, np.float32)
    floor = np.float32(-22 + u(-3, 3)) - 20 * soft_step(frontal, 2) - 24 * soft_step(ridge, 2.5)
    floor = floor + np.float32(1.5) * grid.noise(rng, 20, 14, 14)
    floor += 9 * np.exp(-((ax / 9) ** 2) - ((y + 12) / 20) ** 2)  # sella and clivus
    base = z - floor
    return Space(x, y, z, vault, base, ridge, np.minimum(vault, base) > 0, scanner, nod)


def draw_outside(rng: np.random.Generator, grid: Grid, build: Build, space: Space, tissue: Volume) -> Volume:
    """Return HU of the whole head: ``tissue`` inside, skull, face, scalp and head rest around it."""
    bone = build.skull * (1 + np.float32(0.18) * grid.noise(rng, 30, 25, 25))
    bone += 4 * (space.y < -build.half_length * 0.75) + 4 * np.clip(space.z / build.height - 0.6, 0, 1)
    out = np.where(space.brain, tissue, np.float32(0))
    _draw_vault(rng, space, bone, out)
    mixed = grid.noise(rng, 8, 5, 5)
    _draw_base(rng, build, space, mixed, bone, out)
    _draw_scalp(rng, build, space, mixed, bone, out)
    return out


def _between_tables(space: Space, bone: Volume) -> Region:
    return np.asarray((space.vault < -0.28 * bone) & (space.vault > -0.72 * bone))


def _draw_vault(rng: np.random.Generator, space: Space, bone: Volume, out: Volume) -> None:
    shell = ~space.brain & (space.vault > -bone)
    diploe = rng.uniform(300, 700)
    out[shell] = rng.uniform(950, 1450)
    out[_between_tables(space, bone) & shell] = diploe


def _draw_base(rng: np.random.Generator, build: Build, space: Space, mixed: Volume, bone: Volume, out: Volume) -> None:
    """Marrow, air cells, petrous bone, orbits and sinuses below the floor."""
    under = ~space.brain & (space.vault > 0)
    deep = under & (space.base < -rng.uniform(3, 5))
    out[deep] = np.select([mixed[deep] > 0.5, mixed[deep] < -1.0], [500, -900], 45)
    petrous = deep & (np.abs(space.ridge + 4) < 11) & (space.ax > 16)
    out[petrous] = np.where(mixed[petrous] < -0.9, -800, 1100)
    out[(ellipsoid(space.mirrored, (31, -74, -38), (20, 26, 14)) < 1) & under] = -90  # orbital fat
    out[(ellipsoid(space.mirrored, (31, -80, -38), (12, 12, 12)) < 1) & under] = 15  # globe
    out[(space.ax < 11) & (space.y < -42) & deep & (space.z < -30) & (mixed > -0.8)] = -950
    if rng.random() < 0.6:  # frontal sinus
        front = (space.y < -build.half_length * 0.8) & (space.ax < rng.uniform(8, 26)) & (space.z < rng.uniform(-8, 12))
        shell = ~space.brain & (space.vault > -bone)
        out[shell & front & _between_tables(space, bone)] = -950


def _draw_scalp(rng: np.random.Generator, build: Build, space: Space, mixed: Volume, bone: Volume, out: Volume) -> None:
    u = rng.uniform
    skin = -space.vault - bone
    beyond = ~space.brain & (skin >= 0)
    scalp = beyond & (skin < build.scalp + 2.5 * (space.ax > 0.8 * build.half_width) * (space.z < 25))
    fat = u(-95, -60) + 12 * mixed[scalp]
    out[scalp] = np.where(skin[scalp] > build.scalp - 1.6, u(20, 60), fat)
    temporal = ((space.y + 15) / 36) ** 2 + ((space.z + 8) / 34) ** 2 + 0.15 * mixed < 1
    out[scalp & temporal & (space.ax > 0.5 * build.half_width) & (skin < build.scalp + 1)] = u(45, 62)
    out[beyond & ~scalp] = AIR_HU
    x0, y0, _ = space.scanner
    rest = (x0 / (build.half_length + 26)) ** 2 + ((y0 - 8) / (build.half_length + 24)) ** 2
    if rng.random() < 0.7:
        out[(np.abs(rest - 1) < 0.02) & (y0 > 35) & (skin >= build.scalp + 3)] = u(-300, 150)
