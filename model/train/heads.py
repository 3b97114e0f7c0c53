"""Sets of generated heads, drawn in parallel and turned into tensors. Split by head: each set has its own seeds."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from multiprocessing import get_context

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.evaluate.brightness import RULES, brightness
from hounsfield.model.evaluate.summary import SMALLEST_BRAIN_MM2
from hounsfield.model.phantom import Difficulty, Phantom, Scan, Subtype, draw_first, draw_rich
from hounsfield.model.preprocess import PreprocessingSpec, Preprocessor
from hounsfield.model.preprocess.plane import Plane
from hounsfield.model.preprocess.steps import FieldOfView, Padding

MAP_SCALE = 4
"""The lesion map is this much coarser than the input."""


class Purpose(IntEnum):
    """What a set is for; part of the seed of each of its heads."""

    TRAINING = 1
    VALIDATION = 2
    TEST = 3
    HARD = 4


@dataclass(frozen=True, slots=True)
class HeadPlan:
    """One head to draw."""

    purpose: Purpose
    number: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """Slices of one or more heads."""

    tensors: NDArray[np.float16]
    """(n, height, width, channels)."""
    maps: NDArray[np.float16]
    """(n, height / 4, width / 4, 1): share of lesion in each cell."""
    lesion_mm2: NDArray[np.float64]
    brain_mm2: NDArray[np.float64]
    rules: NDArray[np.float32]
    """(n, rules) of :mod:`hounsfield.model.evaluate.brightness`; no columns in a training set."""
    heads: NDArray[np.int64]
    """Number of the head each slice belongs to."""
    kinds: NDArray[np.int64]
    """:attr:`Subtype.code` planned for that head, 0 for none."""

    @staticmethod
    def joined(parts: Sequence["Slices"]) -> "Slices":
        """Return all slices in order."""
        names = Slices.__slots__
        return Slices(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def draw_head(plan: HeadPlan) -> tuple[Phantom, Subtype | None]:
    """Return the head of a plan and the kind of haemorrhage it was given."""
    rng = np.random.default_rng((plan.seed, int(plan.purpose), plan.number))
    training = plan.purpose is Purpose.TRAINING
    bleeding = rng.random() < (0.7 if training else 0.5)
    kind = list(Subtype)[plan.number % len(Subtype)] if bleeding else None
    matrix = int(rng.choice([160, 192, 256], p=[0.5, 0.4, 0.1]) if training else rng.choice([192, 256]))
    step_mm = rng.uniform(3.0, 7.0) if training else rng.uniform(4.5, 5.5)
    scan = Scan(matrix=matrix, slices=round(rng.uniform(110, 135) / step_mm), step_mm=step_mm)
    if training and rng.random() < 0.25:
        return draw_first(rng, scan, kind, Difficulty(contrast=rng.uniform(0.6, 1.0))), kind
    return draw_rich(rng, scan, kind, _difficulty(rng, plan.purpose)), kind


def _difficulty(rng: np.random.Generator, purpose: Purpose) -> Difficulty:
    u = rng.uniform
    if purpose is Purpose.TRAINING:
        return Difficulty(size=u(0.7, 1.2), contrast=u(0.55, 1.1), mimics=u(0.2, 1.0))
    if purpose is Purpose.HARD:
        return Difficulty(size=0.75, contrast=u(0.5, 0.85), mimics=1.0)
    return Difficulty()


def prepare(plan: HeadPlan, spec: PreprocessingSpec) -> Slices:
    """Draw a head and return its slices; a training set keeps only those with brain."""
    phantom, kind = draw_head(plan)
    spacing = phantom.spacing_mm[1:]
    brain_mm2 = phantom.brain.sum(axis=(1, 2)) * spacing[0] * spacing[1]
    training = plan.purpose is Purpose.TRAINING
    chosen = np.flatnonzero(brain_mm2 >= SMALLEST_BRAIN_MM2) if training else np.arange(len(phantom.hu))
    preprocessor = Preprocessor.from_spec(spec)
    tensors = np.stack([preprocessor.tensor(phantom.hu[k], spacing) for k in chosen])
    cells = tensors.shape[1] // MAP_SCALE
    rules = np.zeros((len(chosen), 0 if training else len(RULES)), np.float32)
    if not training:
        rules = np.stack([brightness(phantom.hu[k], spacing) for k in chosen])
    return Slices(
        tensors=tensors.astype(np.float16),
        maps=np.stack([_lesion_map(phantom, int(k), spec, cells) for k in chosen]),
        lesion_mm2=phantom.lesion_mm2[chosen],
        brain_mm2=brain_mm2[chosen],
        rules=rules,
        heads=np.full(len(chosen), plan.number),
        kinds=np.full(len(chosen), kind.code if kind else 0),
    )


def _lesion_map(phantom: Phantom, index: int, spec: PreprocessingSpec, cells: int) -> NDArray[np.float16]:
    """Cut the label as the preprocessing cuts the slice."""
    spacing = phantom.spacing_mm[1:]
    plane = Padding().apply(Plane(phantom.hu[index].astype(np.float32), spacing))
    lesion = (phantom.label[index] > 0).astype(np.float32)
    for step in spec.steps:
        if isinstance(step, FieldOfView):
            lesion = step.square(plane).cut(lesion, 0.0)
    return np.asarray(cv2.resize(lesion, (cells, cells), interpolation=cv2.INTER_AREA), np.float16)[..., None]


def prepare_set(plans: Sequence[HeadPlan], spec: PreprocessingSpec, processes: int) -> Iterator[Slices]:
    """Yield the slices of each head, in the order of the plans, whatever process drew them."""
    if processes <= 1:
        yield from (prepare(plan, spec) for plan in plans)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), _one_thread) as pool:
        yield from pool.map(prepare, plans, [spec] * len(plans), chunksize=4)


def _one_thread() -> None:
    """Keep each process on its own core."""
    cv2.setNumThreads(1)


def limit_threads_of_children() -> None:
    """Let processes started from here on use one thread for linear algebra (read when numpy is first imported)."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
