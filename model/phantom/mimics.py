"""Benign findings that look like blood, or make the brain beside them look like it.

HU from the usual teaching figures, as those of the brain: vessels 45-65, with contrast 90-180, calcification 90-500,
plexus 38-55, infarct 18-28.
"""

from dataclasses import dataclass

import numpy as np

from hounsfield.model.phantom.brain import Brain
from hounsfield.model.phantom.cranium import Space
from hounsfield.model.phantom.field import Region, ellipsoid, tube
from hounsfield.model.phantom.head import Grid


@dataclass(frozen=True, slots=True)
class _Head:
    rng: np.random.Generator
    grid: Grid
    space: Space
    brain: Brain


def draw_mimics(rng: np.random.Generator, grid: Grid, space: Space, brain: Brain, mimics: float) -> None:
    """Draw each finding with its own chance times ``mimics`` (0..1) into ``brain.hu``."""
    head = _Head(rng, grid, space, brain)
    for chance, draw in (
        (0.5, _plexus),
        (0.25, _calcified_falx),
        (0.3, _dense_tentorium),
        (0.4, _hard_arteries),
        (0.2, _dense_vessel),
        (0.3, _cortical_veins),
        (0.15, _wide_infarct),
        (0.05, _swollen_brain),
        (0.05, _catheter),
        (0.12, _contrast),
    ):
        if rng.random() < chance * mimics:
            draw(head)


def _plexus(head: _Head) -> None:
    """Soft, between fluid: in the trigones."""
    u = head.rng.uniform
    centre, radii = (22 * u(0.9, 1.1), u(22, 32), u(8, 16)), (u(2, 4), u(4, 9), u(3, 6))
    inside = ellipsoid(head.space.mirrored, centre, radii) + np.float32(0.3) * head.brain.fold < 1
    head.brain.hu[inside & head.brain.ventricle] = u(38, 55)


def _calcified_falx(head: _Head) -> None:
    patch = head.grid.noise(head.rng, 10, 14, 14) > head.rng.uniform(0.2, 1.2)
    plate = (
        (head.space.ax < head.rng.uniform(0.7, 2.2))
        & (head.space.vault < 30)
        & ((head.space.y < -24) | (head.space.y > 28))
    )
    head.brain.hu[plate & patch & head.space.brain & (head.space.z > -5)] = head.rng.uniform(90, 350)


def _dense_tentorium(head: _Head) -> None:
    sheet = head.space.z + 12 - 12 * np.exp(-((head.space.ax / 26) ** 2)) - 0.05 * (head.space.y - 20)
    near = (
        (np.abs(sheet) < head.rng.uniform(1.0, 2.8))
        & (head.space.y > 10)
        & (head.space.ax > 7)
        & (head.space.ridge > -3)
    )
    if head.rng.random() < 0.4:  # one leaf only
        near &= head.space.x * head.rng.choice([-1, 1]) > 0
    head.brain.hu[near & head.space.brain] = head.rng.uniform(50, 72)


def _hard_arteries(head: _Head) -> None:
    u = head.rng.uniform
    centres = [(side * u(6, 11), u(-16, -6), u(-26, -18)) for side in (-1, 1)]  # siphons
    centres += [(u(-6, 6), u(8, 20), u(-44, -34))]  # vertebral arteries
    for centre in centres:
        if head.rng.random() < 0.75:
            head.brain.hu[(ellipsoid(head.space.point, centre, (u(1, 2.5),) * 3) < 1) & head.space.brain] = u(150, 500)


def _dense_vessel(head: _Head) -> None:
    """A clot in an artery, or thick blood: the middle cerebral artery, the basilar artery, or a transverse sinus."""
    u, side = head.rng.uniform, int(head.rng.choice([-1, 1]))
    which = int(head.rng.integers(3))
    if which == 0:
        vessel = tube(head.space.point, (side * 6, -8, -17), (side * 30, -9, -9), u(1.2, 2), u(0.9, 1.5))
    elif which == 1:
        vessel = tube(head.space.point, (0, -5, -14), (0, -2, -38), u(1.5, 2.6), u(1.5, 2.2))
    else:
        vessel = (
            (np.abs(head.space.z + 14) < u(3, 5))
            & (head.space.vault < u(5, 8))
            & (head.space.y > 25)
            & (head.space.x * side > 0)
        )
    head.brain.hu[vessel & head.space.brain] = u(54, 74)


def _cortical_veins(head: _Head) -> None:
    patch = head.grid.noise(head.rng, 14, 16, 16) > head.rng.uniform(0, 1)
    veins = (np.abs(head.brain.fold - 0.5) < 0.06) & (head.space.vault < head.rng.uniform(3, 5)) & (head.space.z > 5)
    head.brain.hu[veins & patch & head.space.brain] = head.rng.uniform(48, 66)


def _wide_infarct(head: _Head) -> None:
    """A whole territory without contrast between grey and white matter; what is left looks dense beside it."""
    u, side = head.rng.uniform, int(head.rng.choice([-1, 1]))
    turn = np.arctan2(head.space.y, head.space.x * side)
    wedge = (np.abs(turn - u(-0.5, 0.6)) < u(0.35, 0.9)) & (head.space.x * side > u(8, 24))
    wedge &= (np.abs(head.space.z - u(0, 35)) < u(14, 40)) & (head.grid.noise(head.rng, 12, 10, 10) > -1.2)
    tissue = wedge & head.space.brain & ~head.brain.csf & ~head.brain.ventricle
    head.brain.hu[tissue] = np.float32(u(18, 28)) + np.float32(0.2) * (head.brain.hu[tissue] - 30)


def _swollen_brain(head: _Head) -> None:
    """Low density everywhere: dura and vessels stand out like blood in the cisterns."""
    matter = head.space.brain & (head.brain.hu > 20) & (head.brain.hu < 44)
    head.brain.hu[matter] -= np.float32(head.rng.uniform(4, 9))


def _catheter(head: _Head) -> None:
    u, side = head.rng.uniform, int(head.rng.choice([-1, 1]))
    end = (side * 8, -12, 14)
    start = (side * u(24, 34), u(-50, -30), 62) if head.rng.random() < 0.5 else (side * u(24, 34), u(55, 70), 45)
    head.brain.hu[tube(head.space.point, start, end, 1.3, 1.3) & head.space.brain] = u(90, 260)


def _contrast(head: _Head) -> None:
    """Contrast medium: vessels, sinuses, dura and plexus bright, the cortex a little."""
    u = head.rng.uniform
    bright = u(90, 180)
    matter = head.space.brain & ~head.brain.csf & ~head.brain.ventricle
    head.brain.hu[matter & (head.brain.hu > 33)] += np.float32(u(2, 7))
    head.brain.hu[matter & (head.brain.hu > 46) & (head.brain.hu < 70)] = bright * u(0.6, 1.0)  # drawn as dura or sinus
    for vessel in _arteries(head.rng, head.space):
        head.brain.hu[vessel & head.space.brain] = bright
    veins = (np.abs(head.brain.fold - 0.6) < 0.08) & (head.space.vault < 4)
    head.brain.hu[veins & head.space.brain] = bright * u(0.5, 0.9)


def _arteries(rng: np.random.Generator, space: Space) -> list[Region]:
    u = rng.uniform
    return [
        tube(space.mirrored, (5, -8, -18), (32, -10, -9), u(1.2, 1.8), 1.0),
        tube(space.mirrored, (32, -10, -9), (46, 2, 14), 1.1, 0.8),
        tube(space.mirrored, (2, -14, -14), (2, -46, 8), 1.2, 0.9),
        tube(space.point, (0, -4, -14), (0, -2, -40), u(1.5, 2.2), 1.6),
        tube(space.mirrored, (2, 0, -13), (24, 22, -10), 1.2, 0.8),
    ]
