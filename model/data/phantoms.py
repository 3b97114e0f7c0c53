"""Generated heads as a prepared data set: drawn in parallel, each set from seeds of its own.

A slice is positive for a kind of haemorrhage from 30 mm2 of it, negative where there is none at all, and unknown in
between; a series likewise by its largest slice.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.data.brightness import brightness
from hounsfield.model.data.prepared import MAP_SCALE, Prepared, PreparedWriter, SeriesBlock, Truth
from hounsfield.model.phantom import Difficulty, Phantom, Scan, Subtype, draw_first, draw_rich
from hounsfield.model.preprocess import PreprocessingSpec, Preprocessor
from hounsfield.model.preprocess.plane import Plane
from hounsfield.model.preprocess.steps import FieldOfView, Padding

LABELS = ("any", *(str(kind) for kind in Subtype))
POSITIVE_MM2 = 30.0
"""Area of haemorrhage in a slice from which it is positive."""
SMALLEST_BRAIN_MM2 = 1500.0
"""Slices with less brain (vertex, neck) are left out of slice figures: they would be easy negatives."""
SOURCE = "Drawn by hounsfield.model.phantom from random numbers; no patient data of any kind."
Progress = Callable[[int, int], None]
"""Called with the number of heads drawn and the number of all."""


class Purpose(IntEnum):
    """What a set is for; part of the seed of each of its heads, so that no head is in two sets."""

    TRAINING = 1
    VALIDATION = 2
    TEST = 3
    HARD = 4
    SEQUENCE = 5
    """Drawn as for training, and never seen by the network that looks at single slices."""

    @property
    def varied(self) -> bool:
        """Whether its heads come in all difficulties, from both painters."""
        return self in (Purpose.TRAINING, Purpose.SEQUENCE)


@dataclass(frozen=True, slots=True)
class HeadPlan:
    """One head to draw."""

    purpose: Purpose
    number: int
    seed: int

    @property
    def key(self) -> str:
        """Name of its series."""
        return f"{self.purpose.name.lower()}-{self.seed}-{self.number:05d}"


def prepare_phantoms(
    folder: Path,
    plans: Sequence[HeadPlan],
    preprocessing: PreprocessingSpec,
    processes: int = 1,
    progress: Progress | None = None,
) -> Prepared:
    """Draw the heads and write them as a prepared data set with maps, in the order of the plans.

    ``extra`` holds ``lesion_mm2`` (n, 6) in the order of :data:`LABELS`, ``brain_mm2`` (n,) and, except for heads that
    are only trained on, ``brightness`` (n, rules). Raises DataError if something lies at ``folder``.
    """
    with PreparedWriter(folder, LABELS, preprocessing, source=SOURCE) as writer:
        for count, block in enumerate(_blocks(plans, preprocessing, processes), 1):
            writer.add(block)
            if progress is not None:
                progress(count, len(plans))
        return writer.finish(clean=True)


def draw_head(plan: HeadPlan) -> Phantom:
    """Return the head of a plan."""
    rng = np.random.default_rng((plan.seed, int(plan.purpose), plan.number))
    bleeding = rng.random() < (0.7 if plan.purpose.varied else 0.5)
    kind = list(Subtype)[plan.number % len(Subtype)] if bleeding else None
    if plan.purpose.varied:
        matrix, step_mm = int(rng.choice([160, 192, 256], p=[0.5, 0.4, 0.1])), rng.uniform(2.5, 7.5)
    else:
        matrix, step_mm = int(rng.choice([192, 256])), rng.uniform(4.5, 5.5)
    scan = Scan(matrix=matrix, slices=round(rng.uniform(110, 135) / step_mm), step_mm=step_mm)
    if plan.purpose.varied and rng.random() < 0.25:
        return draw_first(rng, scan, kind, Difficulty(contrast=rng.uniform(0.6, 1.0)))
    return draw_rich(rng, scan, kind, _difficulty(rng, plan.purpose))


def _difficulty(rng: np.random.Generator, purpose: Purpose) -> Difficulty:
    u = rng.uniform
    if purpose.varied:
        return Difficulty(size=u(0.7, 1.2), contrast=u(0.55, 1.1), mimics=u(0.2, 1.0))
    if purpose is Purpose.HARD:
        return Difficulty(size=0.75, contrast=u(0.5, 0.85), mimics=1.0)
    return Difficulty()


def block(phantom: Phantom, key: str, preprocessing: PreprocessingSpec, *, with_brightness: bool) -> SeriesBlock:
    """Return a drawn head as a series of a prepared data set, whoever drew it."""
    spacing = phantom.spacing_mm[1:]
    preprocessor = Preprocessor.from_spec(preprocessing)
    tensors = np.stack([preprocessor.tensor(hu, spacing) for hu in phantom.hu])
    cells = tensors.shape[1] // MAP_SCALE
    lesion_mm2 = areas_mm2(phantom)
    extra = {
        "lesion_mm2": lesion_mm2,
        "brain_mm2": (phantom.brain.sum(axis=(1, 2)) * spacing[0] * spacing[1]).astype(np.float32),
    }
    if with_brightness:
        extra["brightness"] = np.stack([brightness(hu, spacing) for hu in phantom.hu])
    count = len(phantom.hu)
    return SeriesBlock(
        key=key,
        patient=key,
        scanner="",
        truth=tuple(truth(lesion_mm2.max(axis=0)).tolist()),
        tensors=tensors,
        names=tuple(f"{key}/{number:03d}" for number in range(count)),
        position_mm=np.arange(count, dtype=np.float32) * np.float32(phantom.spacing_mm[0]),
        slice_truth=truth(lesion_mm2),
        maps=np.stack([_lesion_map(phantom, number, preprocessing, cells) for number in range(count)]),
        extra=extra,
    )


def truth(lesion_mm2: NDArray[np.floating]) -> Truth:
    """Return 1 from 30 mm2, 0 at none, NaN between; any shape."""
    return np.where(lesion_mm2 >= POSITIVE_MM2, 1.0, np.where(lesion_mm2 > 0, np.nan, 0.0)).astype(np.float32)


def areas_mm2(phantom: Phantom) -> NDArray[np.float32]:
    """Return (n, 6): area of haemorrhage in each slice, of any kind and of each."""
    pixel_mm2 = phantom.spacing_mm[1] * phantom.spacing_mm[2]
    codes = range(1, len(Subtype) + 1)
    kinds = np.stack([(phantom.label == code).sum(axis=(1, 2)) for code in codes], axis=1)
    return (np.concatenate([kinds.sum(axis=1, keepdims=True), kinds], axis=1) * pixel_mm2).astype(np.float32)


def _lesion_map(phantom: Phantom, index: int, preprocessing: PreprocessingSpec, cells: int) -> NDArray[np.float32]:
    """Cut the label as the preprocessing cuts the slice."""
    plane = Padding().apply(Plane(phantom.hu[index].astype(np.float32), phantom.spacing_mm[1:]))
    lesion = (phantom.label[index] > 0).astype(np.float32)
    for step in preprocessing.steps:
        if isinstance(step, FieldOfView):
            lesion = step.square(plane).cut(lesion, 0.0)
    return np.asarray(cv2.resize(lesion, (cells, cells), interpolation=cv2.INTER_AREA), np.float32)[..., None]


def _block_of(plan: HeadPlan, preprocessing: PreprocessingSpec) -> SeriesBlock:
    return block(draw_head(plan), plan.key, preprocessing, with_brightness=not plan.purpose.varied)


def _blocks(plans: Sequence[HeadPlan], preprocessing: PreprocessingSpec, processes: int) -> Iterator[SeriesBlock]:
    """Yield the heads in the order of the plans, whatever process drew them."""
    if processes <= 1:
        yield from (_block_of(plan, preprocessing) for plan in plans)
        return
    limit_threads_of_children()
    with ProcessPoolExecutor(processes, get_context("spawn"), _one_thread) as pool:
        yield from pool.map(_block_of, plans, [preprocessing] * len(plans), chunksize=4)


def _one_thread() -> None:
    """Keep each process on its own core."""
    cv2.setNumThreads(1)


def limit_threads_of_children() -> None:
    """Let processes started from here on use one thread for linear algebra (read when numpy is first imported)."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
