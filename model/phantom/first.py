"""The plainer painter: a schematic head with one lesion and few distractions.

Mixed into the training set it made the model better on real slices than the richer painter alone.
"""

from dataclasses import dataclass

import numpy as np

from hounsfield.model.phantom.field import Region, Volume, gaussian
from hounsfield.model.phantom.head import Difficulty, Grid, Phantom, Scan, Subtype
from hounsfield.model.phantom.scanner import quantised


@dataclass(frozen=True, slots=True)
class _Head:
    grid: Grid
    x: Volume
    y: Volume
    z: Volume
    depth: Volume
    """mm inside the inner table, negative outside."""
    surface: Volume
    """mm outside the skin, negative inside."""
    brain: Region
    fold: Volume
    wave: Volume
    """Smoother noise, for grey values."""
    skull: float
    scalp: float
    atrophy: float


def draw_first(
    rng: np.random.Generator, scan: Scan, lesion: Subtype | None, difficulty: Difficulty | None = None
) -> Phantom:
    """Return one head; of ``difficulty`` only the contrast counts."""
    contrast = (difficulty or Difficulty()).contrast
    head = _shape(rng, scan)
    hu = np.full(head.grid.shape, -1000, np.float32)
    _draw_outside(head, rng, hu)
    tissue, ventricle = _draw_brain(head, rng)
    label = np.zeros(head.grid.shape, np.uint8)
    if lesion is not None:
        fluid = (tissue < 16) & ~ventricle
        region = _lesion(head, rng, lesion, tissue, ventricle, fluid) & head.brain
        blood = rng.uniform(45, 65) if lesion is Subtype.SUBARACHNOID else rng.uniform(55, 80)
        tissue[region] = 36 + (blood - 36) * contrast + rng.uniform(2, 5) * head.wave[region]
        label[region] = lesion.code
    hu[head.brain] = tissue[head.brain]
    _draw_base(head, hu)
    return Phantom(hu=_acquire(head, rng, hu), label=label, brain=head.brain, spacing_mm=head.grid.spacing_mm)


def _shape(rng: np.random.Generator, scan: Scan) -> _Head:
    wide, long, high = rng.normal(71, 3), rng.normal(88, 4), rng.normal(66, 3)
    skull, scalp = rng.uniform(5.5, 8.5), rng.uniform(4, 7)
    grid = Grid.of(scan, scan.field_of_view_mm or rng.uniform(210, 240), high * rng.uniform(0.9, 1.02))
    x0, y0, z = grid.coordinates()
    angle = np.deg2rad(rng.normal(0, 6))
    x0, y0 = x0 - np.float32(rng.normal(0, 3)), y0 - np.float32(rng.normal(0, 3))
    x = x0 * np.float32(np.cos(angle)) + y0 * np.float32(np.sin(angle))
    y = -x0 * np.float32(np.sin(angle)) + y0 * np.float32(np.cos(angle))
    turn = np.arctan2(y, x)
    outline = 1 + np.float32(0.02) * np.cos(2 * turn) + np.float32(0.015) * np.cos(3 * turn + 1)
    radius = np.sqrt((x / wide) ** 2 + (y / long) ** 2) / outline
    inner = np.sqrt(np.clip(1 - (z / high) ** 2, 0, 1))
    outer = np.sqrt(np.clip(1 - (z / (high + skull + scalp)) ** 2, 0.02, 1))
    depth = np.asarray((inner - radius) * ((wide + long) / 2), np.float32)
    surface = np.asarray((radius - outer * (1 + (skull + scalp) / 80)) * 80, np.float32)
    full = np.broadcast_to(z, grid.shape)
    fold, wave = grid.noise(rng, 5, 2.8, 2.8), grid.noise(rng, 5, 4, 4)
    return _Head(grid, x, y, full, depth, surface, depth > 0, fold, wave, skull, scalp, rng.uniform(0, 1))


def _draw_outside(head: _Head, rng: np.random.Generator, hu: Volume) -> None:
    hu[head.surface < 0] = 35 + rng.normal(0, 2)
    fat = (head.surface < -2) & (head.surface > -head.scalp)
    hu[fat] = -80 + 20 * head.fold[fat]
    thick = head.skull + 1.2 * head.wave + 6 * (np.abs(head.z) > 0.85 * np.abs(head.grid.heights).max())
    hu[(head.depth < 0) & (head.depth > -thick)] = 1000
    diploe = (head.depth < -2) & (head.depth > -(head.skull - 2))
    hu[diploe] = 600 + 120 * head.wave[diploe]


def _draw_brain(head: _Head, rng: np.random.Generator) -> tuple[Volume, Region]:
    ax = np.abs(head.x)
    deep_white = head.depth > 7 + 2.5 * head.fold
    tissue = np.where(deep_white, np.float32(29), np.float32(37.5)) + np.float32(0.8) * head.wave
    nucleus = ((ax - 17) / 8) ** 2 + ((head.y + 2) / 13) ** 2 + ((head.z - 5) / 14) ** 2 < 1
    tissue[nucleus] = 38
    wide = 0.10 + 0.22 * head.atrophy
    tissue[(head.depth < 12 + 8 * head.atrophy) & (np.abs(head.fold) < wide)] = 12
    tissue[head.depth < 1.2 + 1.8 * head.atrophy] = 10
    tissue[np.broadcast_to((ax < 1.0 + 0.8 * head.atrophy) & (np.abs(head.y) > 22), tissue.shape)] = 14
    tissue[(head.z > 0) & (ax < 0.9) & (np.abs(head.y) > 25)] = 44
    ventricle = _ventricles(head, rng, ax)
    tissue[ventricle] = 6
    star = (head.z > -34) & (head.z < -14) & (ax + np.abs(head.y + 10) < 14) & ((ax > 5) | (np.abs(head.y + 10) > 5))
    tissue[star] = 10
    if rng.random() < 0.6:  # pineal or choroid calcification
        centre = float(rng.choice([-20, 0, 20])), rng.uniform(18, 26)
        spot = (head.x - centre[0]) ** 2 + (head.y - centre[1]) ** 2 < rng.uniform(2, 9)
        tissue[spot & (head.z > 0) & (head.z < 14)] = rng.uniform(90, 250)
    return np.asarray(tissue, np.float32), ventricle


def _ventricles(head: _Head, rng: np.random.Generator, ax: Volume) -> Region:
    size = rng.uniform(0.7, 1.5)
    towards_back = np.clip((head.y + 28) / 60, 0, 1)
    centre = 6 + 16 * towards_back * np.where(head.z < 22, np.float32(1), np.float32(0.6))
    width = 6.5 * size * np.sqrt(np.clip(1 - ((head.z - 16) / 22) ** 2, 0, 1))
    lateral = (((ax - centre) / np.maximum(width, 0.1)) ** 2 + ((head.y - 2) / 32) ** 2 < 1) & (width > 0.5)
    third = (head.z > -20) & (head.z < 2) & (ax < 2 * size) & (np.abs(head.y - 2) < 14)
    fourth = (ax / (7 * size)) ** 2 + ((head.y - 32) / (6 * size)) ** 2 < 1
    return np.asarray((lateral | third | (fourth & (head.z > -42) & (head.z < -22))) & head.brain)


def _lesion(
    head: _Head, rng: np.random.Generator, kind: Subtype, tissue: Volume, ventricle: Region, fluid: Region
) -> Region:
    u = rng.uniform
    areas = head.brain.sum(axis=(1, 2))
    usable = np.flatnonzero((areas > 0.35 * areas.max()) & (head.grid.heights > -35))
    level = float(head.grid.heights[int(rng.choice(usable))])
    side = int(rng.choice([-1, 1]))
    lump = head.grid.noise(rng, 5, 5, 5)
    if kind is Subtype.INTRAPARENCHYMAL:
        radius, ratio = u(5, 22), u(0.7, 1.3)
        reach = ((head.x - side * u(15, 45)) / radius) ** 2 + ((head.y - u(-45, 45)) / (radius * ratio)) ** 2
        reach = np.sqrt(reach + ((head.z - level) / (radius * 0.9)) ** 2) + 0.18 * lump
        tissue[(reach >= 1) & (reach < 1.35) & head.brain & ~ventricle] -= np.float32(u(4, 9))
        return np.asarray((reach < 1) & ~ventricle)
    if kind is Subtype.INTRAVENTRICULAR:
        sided = (head.x * side > -4) | (rng.random() < 0.5)
        return np.asarray(ventricle & ((head.y > u(-30, 15)) | (lump > 1.2)) & sided)
    if kind is Subtype.SUBARACHNOID:
        near = np.abs(head.z - level) < u(12, 35)
        return np.asarray(fluid & (((head.y < 35) & (head.x * side > -12)) | (lump > 0)) & near)
    return _collection(head, rng, kind, level, side, lump)


def _collection(head: _Head, rng: np.random.Generator, kind: Subtype, level: float, side: int, lump: Volume) -> Region:
    u = rng.uniform
    across = np.abs(np.arctan2(head.y, head.x * side) - u(-0.9, 0.9))
    if kind is Subtype.SUBDURAL:
        half, thick, tall = u(0.7, 1.3), u(4, 14), u(25, 45)
        shape = np.sqrt(np.clip(1 - (across / half) ** 4, 0, 1) * np.clip(1 - ((head.z - level) / tall) ** 2, 0, 1))
    else:
        half, thick, tall = u(0.3, 0.55), u(8, 26), u(18, 32)
        shape = np.clip(1 - (across / half) ** 2, 0, 1) * np.clip(1 - ((head.z - level) / tall) ** 2, 0, 1)
    return np.asarray((head.depth > 0) & (head.depth < thick * shape + 0.6 * lump) & (thick * shape > 0.5))


def _draw_base(head: _Head, hu: Volume) -> None:
    ax = np.abs(head.x)
    petrous = head.brain & (head.z < -25) & (ax > 22) & (np.abs(head.y - 8 - (22 - ax * 0.55)) < 7)
    hu[petrous] = 750 + 300 * head.fold[petrous]
    front = head.brain & (head.z < -38) & (head.y < -25 - 0.5 * (head.z + 12))
    hu[front] = 300 + 500 * head.fold[front]


def _acquire(head: _Head, rng: np.random.Generator, hu: Volume) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    out = gaussian(hu, 0.35, 0.7 / head.grid.pixel_mm)
    rim = np.where(head.brain, np.clip(7 - head.depth, 0, 7) / 7 * np.float32(rng.uniform(2, 7)), np.float32(0))
    out += gaussian(np.asarray(rim, np.float32), 0.0, 1.2 / head.grid.pixel_mm)
    grain = gaussian(rng.standard_normal(out.shape, dtype=np.float32), 0.0, 0.7 / head.grid.pixel_mm)
    grain /= grain.std()
    out += np.where(out > -500, np.float32(1), np.float32(0.4)) * np.float32(rng.uniform(2.0, 4.5)) * grain
    rest = (head.x / 112) ** 2 + ((head.y - 6) / 114) ** 2
    holder = np.broadcast_to((np.abs(rest - 1) < 0.02) & (head.y > 30), out.shape)
    out[holder] = np.maximum(out[holder], np.float32(120))
    return quantised(out)
