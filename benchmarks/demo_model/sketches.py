"""Heads by two sketches of a painter, to measure the demonstration model on; the repository does not hold them.

The folder with ``phantom.py`` and ``phantom2.py`` is given on the command line or in HOUNSFIELD_PROTOTYPES. They need
scipy (extra ``train``).
"""

import importlib.util
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from hounsfield.model.data.phantoms import LABELS, block, limit_threads_of_children
from hounsfield.model.data.prepared import Prepared, PreparedWriter, SeriesBlock
from hounsfield.model.phantom import Phantom, Subtype
from hounsfield.model.preprocess import PreprocessingSpec

KINDS = tuple(str(kind) for kind in Subtype)


class SketchSet(StrEnum):
    """What is drawn."""

    FIXED = "fixed"
    """200 series by phantom.py, seeds 10,000 to 10,199: never trained on."""
    SECOND = "phantom2"
    """200 series by phantom2.py as it is, seeds 20,000 to 20,199."""
    SECOND_HARD = "phantom2-hard"
    """120 of them with every mimic, lesions 0.75 of the size and 0.5 to 0.85 of the contrast; seeds from 30,000."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the sketch lies and which seeds are drawn; every second head bleeds, the kinds take turns."""

    file: str
    first: int
    count: int

    def kind(self, seed: int) -> str | None:
        """Return the haemorrhage of this head."""
        return KINDS[seed // 2 % len(KINDS)] if seed % 2 else None


PLANS = {
    SketchSet.FIXED: Plan("phantom.py", 10_000, 200),
    SketchSet.SECOND: Plan("phantom2.py", 20_000, 200),
    SketchSet.SECOND_HARD: Plan("phantom2.py", 30_000, 120),
}


def prepare_sketches(
    folder: Path,
    which: SketchSet,
    prototypes: Path,
    preprocessing: PreprocessingSpec,
    processes: int,
    progress: Callable[[int, int], None] | None = None,
    count: int | None = None,
) -> Prepared:
    """Draw the set (its first ``count`` heads) and prepare it; raises FileNotFoundError if the sketch is not there."""
    plan = PLANS[which]
    path = prototypes / plan.file
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the sketch that draws the set {which!r} is not there")
    seeds = range(plan.first, plan.first + min(count or plan.count, plan.count))
    draw = partial(_block, which, path, preprocessing)
    limit_threads_of_children()
    with (
        PreparedWriter(folder, LABELS, preprocessing, source=f"{plan.file}, seeds from {plan.first}") as writer,
        ProcessPoolExecutor(processes, get_context("spawn")) as pool,
    ):
        for number, one in enumerate(pool.map(draw, seeds, chunksize=4), 1):
            writer.add(one)
            if progress is not None:
                progress(number, len(seeds))
        return writer.finish(clean=True)


def _block(which: SketchSet, path: Path, preprocessing: PreprocessingSpec, seed: int) -> SeriesBlock:
    sketch = _loaded(path)
    draw = {SketchSet.FIXED: _first, SketchSet.SECOND: _second, SketchSet.SECOND_HARD: _second_hard}[which]
    phantom = draw(sketch, np.random.default_rng(seed), PLANS[which].kind(seed))
    return block(phantom, f"{which}-{seed}", preprocessing, with_brightness=True)


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"sketch_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{path}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _first(sketch: Any, rng: np.random.Generator, kind: str | None) -> Phantom:
    volume, label, brain = sketch.head(rng, lesion=kind)
    pixel = 220.0 / volume.shape[2]
    return Phantom(hu=np.rint(volume).astype(np.int16), label=label, brain=brain, spacing_mm=(4.5, pixel, pixel))


def _second(sketch: Any, rng: np.random.Generator, kind: str | None, **difficulty: float) -> Phantom:
    hu, label, brain, spacing = sketch.head(rng, lesion=kind, **difficulty)
    z, y, x = (float(mm) for mm in spacing)
    return Phantom(hu=hu, label=label, brain=brain, spacing_mm=(z, y, x))


def _second_hard(sketch: Any, rng: np.random.Generator, kind: str | None) -> Phantom:
    return _second(sketch, rng, kind, mimics=1.0, size=0.75, contrast=float(rng.uniform(0.5, 0.85)))
