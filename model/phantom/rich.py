"""The richer painter: varied anatomy, mass effect, several lesions, and benign findings that look like blood."""

import numpy as np

from hounsfield.model.phantom.artefacts import moved
from hounsfield.model.phantom.brain import draw_brain
from hounsfield.model.phantom.cranium import Build, draw_outside, enclose
from hounsfield.model.phantom.face import draw_face
from hounsfield.model.phantom.head import Difficulty, Grid, Phantom, Scan, Subtype
from hounsfield.model.phantom.lesions import Lesion, paint, plan, push
from hounsfield.model.phantom.mimics import draw_mimics
from hounsfield.model.phantom.scanner import acquire

MOVES = 0.3
"""Of all heads, times the difficulty's artefacts."""
MIDDLE_MM = 22.0
"""A short stack lies around this height, where the brain is widest; a long one starts at the vertex."""


def draw_rich(
    rng: np.random.Generator, scan: Scan, lesion: Subtype | None, difficulty: Difficulty | None = None
) -> Phantom:
    """Return one head; everything random comes from ``rng``, so that one seed gives one head.

    A planned lesion can miss the brain (then the label is empty): ``render`` tries again.
    """
    chosen = difficulty or Difficulty()
    build = Build.random(rng)
    field_of_view = scan.field_of_view_mm or rng.uniform(205, 250)
    vertex = build.height + build.skull + rng.uniform(-6, 3)
    middle = MIDDLE_MM + scan.step_mm * (scan.slices - 1) / 2
    grid = Grid.of(scan, field_of_view, min(vertex, middle))
    space = enclose(rng, grid, build)
    lesions = _plans(rng, build, lesion, chosen)
    space, swelling = push(space, build, lesions)
    brain = draw_brain(rng, grid, space, swelling, chosen.mimics)
    finer, damage = rng.spawn(2)
    draw_mimics(finer, grid, space, brain, chosen.mimics)
    label = np.zeros(grid.shape, np.uint8)
    for one in lesions:
        label[paint(rng, grid, space, brain, one, chosen)] = one.kind.code
    hu = draw_outside(rng, grid, build, space, brain.hu)
    draw_face(finer, grid, space, hu)
    picture = acquire(rng, grid, space, hu, chosen)
    phantom = Phantom(hu=picture, label=label, brain=space.brain, spacing_mm=grid.spacing_mm)
    return moved(damage, phantom) if damage.random() < MOVES * chosen.artefacts else phantom


def _plans(rng: np.random.Generator, build: Build, kind: Subtype | None, difficulty: Difficulty) -> list[Lesion]:
    if kind is None:
        return []
    lesions = [plan(rng, kind, build, difficulty.size)]
    if rng.random() < difficulty.second:
        other = list(Subtype)[int(rng.integers(len(Subtype)))]
        lesions.append(plan(rng, other, build, difficulty.size * 0.8))
    return lesions
