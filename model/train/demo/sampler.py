"""Draws batches of slices for the first half of the demonstration model: balanced over the kinds, augmented."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.data.phantoms import SMALLEST_BRAIN_MM2
from hounsfield.model.data.prepared import MAP_SCALE, Prepared

Floats = NDArray[np.float32]
_AHEAD = 4
"""Batches that wait for their step."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step sees."""

    tensors: Floats
    """(n, rows, columns, channels)."""
    truth: Floats
    """(n, labels); NaN where unknown."""
    maps: Floats
    """(n, rows / 4, columns / 4, labels): share of lesion of each label in each cell; NaN where unknown."""


class Sampler:
    """Half of each batch is positive, all kinds alike; negatives come from bleeding heads too."""

    def __init__(self, data: Prepared, batch: int, seed: int) -> None:
        """Raises ValueError if there are no positives or no negatives."""
        truth = data.index.truth
        brain = data.index.extra["brain_mm2"] >= SMALLEST_BRAIN_MM2
        self._data, self._half, self._batch = data, batch // 2, batch
        kinds = [np.flatnonzero((truth[:, label] == 1) & brain) for label in range(1, truth.shape[1])]
        self._kinds = [rows for rows in kinds if len(rows)]
        self._negative = np.flatnonzero((truth[:, 0] == 0) & brain)
        self._empty = np.flatnonzero((truth[:, 0] == 0) & ~brain)
        if not self._kinds or len(self._negative) == 0:
            raise ValueError("a training set needs slices with and without haemorrhage")
        self._rng = np.random.default_rng(seed)

    def draw(self) -> Batch:
        """Return the next batch."""
        rng, half = self._rng, self._half
        positive = [int(rng.choice(self._kinds[k])) for k in rng.integers(len(self._kinds), size=half)]
        negative = rng.choice(self._negative, self._batch - half)
        if len(self._empty):
            negative[: max(1, half // 16)] = rng.choice(self._empty, max(1, half // 16))
        rows = np.concatenate([positive, negative]).astype(np.intp)
        truth = self._data.index.truth[rows]
        assert self._data.maps is not None
        tensors = self._data.tensors[rows].astype(np.float32)
        lesion = self._data.maps[rows].astype(np.float32)
        for number in range(self._batch):
            tensors[number], lesion[number, ..., 0] = augmented(rng, tensors[number], lesion[number, ..., 0])
        return Batch(tensors, truth, by_label(lesion, truth))

    def ahead(self, steps: int) -> Iterator[Batch]:
        """Yield so many batches, drawn in a thread of their own; the same ones as :meth:`draw` gives."""
        ready: queue.Queue[Batch | BaseException] = queue.Queue(_AHEAD)

        def fill() -> None:
            try:
                for _ in range(steps):
                    ready.put(self.draw())
            except BaseException as error:  # noqa: BLE001 - raised again where the batches are taken
                ready.put(error)

        threading.Thread(target=fill, name="batches", daemon=True).start()
        for _ in range(steps):
            one = ready.get()
            if isinstance(one, BaseException):
                raise one
            yield one


def by_label(lesion: Floats, truth: Floats) -> Floats:
    """Return maps of each label from the map of any lesion: known where a slice has no kind, or one kind only."""
    maps = np.repeat(lesion, truth.shape[1], axis=3)
    present = truth[:, 1:] != 0  # a trace too
    several = present.sum(axis=1) > 1
    for label in range(1, truth.shape[1]):
        here = present[:, label - 1]
        maps[~here, ..., label] = 0
        maps[here & several, ..., label] = np.nan
    return maps


def augmented(rng: np.random.Generator, tensor: Floats, lesion: Floats) -> tuple[Floats, Floats]:
    """Flip left and right, turn, scale and shift a little; change contrast, level, noise and sharpness of the brain."""
    if rng.random() < 0.5:
        tensor, lesion = tensor[:, ::-1], lesion[:, ::-1]
    if rng.random() < 0.7:
        tensor, lesion = _moved(rng, tensor, lesion)
    inside = np.any(tensor != 0, axis=2, keepdims=True)
    out = tensor * rng.uniform(0.8, 1.25, (1, 1, tensor.shape[2])).astype(np.float32)
    if rng.random() < 0.3:
        out[..., 0] = cv2.GaussianBlur(np.ascontiguousarray(out[..., 0]), (0, 0), rng.uniform(0.3, 0.9))
    if rng.random() < 0.5:
        noise = rng.standard_normal(tensor.shape, dtype=np.float32)
        out = out + noise * np.float32(rng.uniform(0, 0.2))
    out = out + rng.normal(0, 0.06, (1, 1, tensor.shape[2])).astype(np.float32)
    return np.asarray(np.clip(out, -2, 2) * inside, np.float32), lesion


def _moved(rng: np.random.Generator, tensor: Floats, lesion: Floats) -> tuple[Floats, Floats]:
    size, cells = tensor.shape[0], lesion.shape[0]
    middle = ((size - 1) / 2, (size - 1) / 2)
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, rng.normal(0, 5), rng.uniform(0.9, 1.12)), np.float64)
    matrix[:, 2] += rng.uniform(-5, 5, 2)
    coarse = matrix.copy()
    centre = (MAP_SCALE - 1) / 2  # of a cell, in pixels
    coarse[:, 2] = (matrix[:, :2] @ np.array([centre, centre]) + matrix[:, 2] - centre) / MAP_SCALE
    moved = cv2.warpAffine(np.ascontiguousarray(tensor), matrix, (size, size), flags=cv2.INTER_LINEAR)
    return (
        np.asarray(moved, np.float32).reshape(tensor.shape),
        np.asarray(cv2.warpAffine(np.ascontiguousarray(lesion), coarse, (cells, cells)), np.float32),
    )
