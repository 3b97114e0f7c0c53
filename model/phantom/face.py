"""What lies under the floor of the skull: orbits, sinuses, mastoid cells, petrous bone, teeth."""

import numpy as np

from hounsfield.model.phantom.cranium import Space
from hounsfield.model.phantom.field import Region, Volume, ellipsoid, tube
from hounsfield.model.phantom.head import Grid


def draw_face(rng: np.random.Generator, grid: Grid, space: Space, out: Volume) -> None:
    """Draw over the plain bone and marrow that :mod:`cranium` leaves under the floor."""
    below = ~space.brain & (space.vault > 0)
    cells = grid.noise(rng, 4, 2.2, 2.2)
    _mastoid(rng, space, cells, below, out)
    _sinuses(rng, space, cells, below, out)
    _orbits(rng, space, below, out)
    _jaws(rng, space, below, out)


def _mastoid(rng: np.random.Generator, space: Space, cells: Volume, below: Region, out: Volume) -> None:
    """Honeycomb of air behind the ear; on one side it can be filled."""
    u = rng.uniform
    region = (np.abs(space.ridge - u(4, 9)) < u(7, 12)) & (space.ax > u(38, 46)) & (space.z < u(-30, -20))
    open_cells = below & region & (cells > u(-0.6, 0.4))
    if rng.random() < 0.15:
        side = space.x * rng.choice([-1, 1]) > 0
        out[open_cells & side] = u(10, 50)
        open_cells &= ~side
    out[open_cells] = u(-950, -600)
    canal = tube(space.mirrored, (40, 4, -36), (74, 4, -38), 3.0, 4.0)
    out[canal & below] = -950


def _sinuses(rng: np.random.Generator, space: Space, cells: Volume, below: Region, out: Volume) -> None:
    u = rng.uniform
    wall = ellipsoid(space.mirrored, (24 * u(0.9, 1.1), -58, -62), (u(10, 16), u(14, 18), u(14, 20)))
    out[(wall < 1.25) & below] = u(500, 900)
    antrum = (wall < 1) & below
    out[antrum] = -950
    if rng.random() < 0.25:  # fluid level
        out[antrum & (space.y > u(-60, -50))] = u(5, 40)
    sphenoid = ellipsoid(space.mirrored, (7, -18, -36), (u(5, 11), u(7, 12), u(5, 9))) < 1
    out[sphenoid & below] = -950 if rng.random() < 0.85 else u(10, 45)
    ethmoid = (space.ax < u(9, 13)) & (space.y < -38) & (space.y > -74) & (space.z < -30) & (space.z > -56)
    out[ethmoid & below] = np.where(cells[ethmoid & below] > -0.8, -900, 350)
    out[(space.ax < 1.2) & ethmoid & below] = 300  # septum


def _orbits(rng: np.random.Generator, space: Space, below: Region, out: Volume) -> None:
    u = rng.uniform
    centre = (31.0, -62.0, -38.0)
    cone = ellipsoid(space.mirrored, centre, (18, 30, 16))
    out[(cone < 1.25) & below] = np.maximum(out[(cone < 1.25) & below], 500)  # walls
    out[(cone < 1) & below] = u(-100, -75)
    globe = ellipsoid(space.mirrored, (31, -76, -38), (12, 12, 12))
    out[(globe < 1.15) & below & (cone < 1)] = u(40, 60)
    out[(globe < 1) & below] = u(8, 18)
    out[(ellipsoid(space.mirrored, (31, -84, -38), (4, 2.5, 4)) < 1) & below] = u(90, 140)  # lens
    for end in ((22, -70, -38), (40, -70, -38), (31, -70, -28), (31, -70, -48)):
        muscle = tube(space.mirrored, (22, -36, -36), end, 1.5, 2.2)
        out[muscle & (cone < 1) & (globe > 1.1) & below] = u(45, 60)
    out[tube(space.mirrored, (22, -34, -36), (31, -66, -38), 2.0, 2.2) & below] = u(28, 40)  # optic nerve


def _jaws(rng: np.random.Generator, space: Space, below: Region, out: Volume) -> None:
    ring = np.abs(np.sqrt((space.ax / 28) ** 2 + ((space.y + 48) / 30) ** 2) - 1)
    teeth = (ring < 0.13) & (space.y < -48) & (space.z < -84)
    out[teeth & below] = rng.uniform(1200, 2600)
    condyle = ellipsoid(space.mirrored, (50, -8, -50), (9, 5, 12)) < 1
    out[condyle & below] = rng.uniform(500, 900)
