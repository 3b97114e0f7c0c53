"""What a step sees. Every batch is a function of seed, epoch and step alone, so a training can go on anywhere.

Slices with labels of their own are drawn one by one. Where the data set has positive labels of series only (CQ500),
a batch holds whole series, and the highest score of a series has to be that of the series: a series is positive if
one of its slices is. (End to end through a sequence network would need every slice of every series in memory at
once, and would leave slices without a score of their own.)
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.data.prepared import Truth
from hounsfield.model.errors import TrainingError
from hounsfield.model.train.augment import augmented
from hounsfield.model.train.config import Augmentation, TrainingChoice
from hounsfield.model.train.view import Rows, View

HIGHEST_CLASS_WEIGHT = 20.0
"""Of a positive against a negative, chosen automatically: a handful of cases must not lead the whole network."""
LARGEST_BAG = 32
"""Slices of a series in one batch."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """b slices, K columns of the score, g series (none where slices are drawn one by one), L labels."""

    images: Floats
    """(b, rows, columns, channels)."""
    maps: Floats
    """(b, rows / 4, columns / 4, 1)."""
    truth: Floats
    """(b, K)."""
    weight: Floats
    """(b, K): 0 where nothing is known."""
    bag_truth: Floats
    """(g, L): of series; slices of one lie together, b / g each."""
    bag_weight: Floats
    """(g, L): 0 where the slices say it already, or nothing is known."""

    def arrays(self) -> tuple[Floats, ...]:
        """Return all of them, in the order of the fields."""
        return self.images, self.maps, self.truth, self.weight, self.bag_truth, self.bag_weight


class Batches(Protocol):
    """Where batches come from."""

    steps: int
    """Of an epoch."""

    def batch(self, epoch: int, step: int) -> Batch:
        """Return one, the same for the same arguments."""

    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of :meth:`Batch.arrays`."""


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """Weights of known truth by label, (L,) each."""

    positive: Floats
    negative: Floats

    @classmethod
    def of(
        cls, truth: Truth, labels: tuple[str, ...], choice: Literal["auto", "none"] | Mapping[str, float]
    ) -> "ClassWeights":
        """Weigh both sides of each label alike (``auto``), as they come, or as given. Raises TrainingError for a
        label that is not there.
        """
        ratio = np.ones(len(labels), np.float64)
        counts = (truth == 1).sum(axis=0), (truth == 0).sum(axis=0)
        if choice == "auto":
            ratio = np.clip(counts[1] / np.maximum(counts[0], 1), 1 / HIGHEST_CLASS_WEIGHT, HIGHEST_CLASS_WEIGHT)
            ratio[(counts[0] == 0) | (counts[1] == 0)] = 1.0
        elif not isinstance(choice, str):
            for name, value in choice.items():
                if name not in labels:
                    raise TrainingError(f"training.class_weights.{name}: no such label; there are {', '.join(labels)}")
                ratio[labels.index(name)] = value
        # Scaled so that the mean weight is 1: the learning rate means the same with and without.
        scale = (counts[0] + counts[1]) / np.maximum(counts[0] * ratio + counts[1], 1)
        return cls((ratio * scale).astype(np.float32), scale.astype(np.float32))

    def weigh(self, truth: Truth) -> Floats:
        """Return the weight of each known one, 0 elsewhere."""
        return np.where(truth == 1, self.positive, np.where(truth == 0, self.negative, 0)).astype(np.float32)


def softmax_targets(truth: Truth, weight: Floats) -> tuple[Floats, Floats]:
    """Return truth and weight (b, 1 + L): a first column for none of the labels; a slice counts if all is known.

    The weight of a slice is that of its positive label, or the mean over the labels; times the number of columns, of
    which only one counts.
    """
    known = ~np.isnan(truth).any(axis=1)
    positive = np.nan_to_num(truth)
    targets = np.concatenate([1 - positive.max(axis=1, keepdims=True), positive], axis=1)
    whole = np.where(positive.any(axis=1), (positive * weight).sum(axis=1), weight.mean(axis=1)) * known
    weights = np.repeat(whole[:, None] * targets.shape[1], targets.shape[1], axis=1)
    return targets.astype(np.float32), weights.astype(np.float32)


class SliceBatches:
    """Slices one by one, in a new order each time all of them were seen."""

    def __init__(
        self, view: View, rows: Rows, choice: TrainingChoice, augmentation: Augmentation, *, softmax: bool
    ) -> None:
        """``rows``: slices that may be drawn; those about which nothing is known are left out.

        Raises TrainingError if none is left, or if ``softmax`` and labels hold together.
        """
        self._view, self._choice, self._augmentation, self._softmax = view, choice, augmentation, softmax
        self._rows = rows[~np.isnan(view.truth[rows]).all(axis=1)]
        truth = view.truth[self._rows]
        if not len(self._rows):
            raise TrainingError(f"{view.prepared.folder}: no slice of the training part has a label")
        if softmax and ((truth == 1).sum(axis=1) > 1).any():
            raise TrainingError('network.activation = "softmax", but slices have several labels at once; use "sigmoid"')
        self._weights = ClassWeights.of(truth, view.prepared.about.labels, choice.class_weights)
        self.steps = choice.steps or max(1, len(self._rows) // choice.batch)
        self._order: Callable[[int, int], Rows] = functools.lru_cache(maxsize=4)(self._draw_order)

    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of a batch's arrays."""
        labels, batch = self._view.truth.shape[1], self._choice.batch
        columns = (batch, labels + self._softmax)
        return (batch, *self._view.shape), (batch, *self._view.map_shape), columns, columns, (0, labels), (0, labels)

    def batch(self, epoch: int, step: int) -> Batch:
        """Return one, the same for the same arguments."""
        places = step * self._choice.batch + np.arange(self._choice.batch)
        rounds, places = np.divmod(places, len(self._rows))
        rows = np.array([self._order(epoch, int(one))[place] for one, place in zip(rounds, places, strict=True)])
        truth = self._view.truth[rows]
        weight = self._weights.weigh(truth)
        if self._softmax:
            truth, weight = softmax_targets(truth, weight)
        nothing = np.zeros((0, self._view.truth.shape[1]), np.float32)
        return _finished(self._view, rows, truth, weight, (nothing, nothing), self._augmentation,
                         np.random.default_rng((self._choice.seed, epoch, step)))  # fmt: skip

    def _draw_order(self, epoch: int, round_: int) -> Rows:
        rng = np.random.default_rng((self._choice.seed, epoch, round_, 1))
        return np.asarray(rng.permutation(self._rows), np.int64)


class BagBatches:
    """Whole series, evenly thinned to at most :data:`LARGEST_BAG` slices, at another offset each time."""

    def __init__(
        self, view: View, series: Rows, choice: TrainingChoice, augmentation: Augmentation, *, softmax: bool
    ) -> None:
        """``series``: those that may be drawn. Raises TrainingError if nothing is known about any, or for softmax."""
        if softmax:
            words = 'network.activation = "softmax" needs labels of slices, and this data set has those of series only'
            raise TrainingError(words)
        self._view, self._choice, self._augmentation = view, choice, augmentation
        self._series = series[~np.isnan(view.series_truth[series]).all(axis=1)]
        if not len(self._series):
            raise TrainingError(f"{view.prepared.folder}: no series of the training part has a label")
        longest = int(np.bincount(view.prepared.index.series)[self._series].max())
        self._bag = min(LARGEST_BAG, choice.batch, longest)
        self._count = max(1, choice.batch // self._bag)
        labels = view.prepared.about.labels
        self._weights = ClassWeights.of(view.series_truth[self._series], labels, choice.class_weights)
        self.steps = choice.steps or max(1, len(self._series) // self._count)

    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of a batch's arrays."""
        slices, labels = self._count * self._bag, self._view.truth.shape[1]
        bags = (self._count, labels)
        columns = (slices, labels)
        return (slices, *self._view.shape), (slices, *self._view.map_shape), columns, columns, bags, bags

    def batch(self, epoch: int, step: int) -> Batch:
        """Return one, the same for the same arguments."""
        rng = np.random.default_rng((self._choice.seed, epoch, step))
        order = np.random.default_rng((self._choice.seed, epoch)).permutation(self._series)
        series = order[(step * self._count + np.arange(self._count)) % len(order)]
        rows = np.concatenate([self._thinned(int(one), rng) for one in series])
        # As it was told: that a negative series has negative slices would count it once for each of them.
        truth = self._view.prepared.index.truth[rows]
        told = ~np.isnan(truth).reshape(self._count, self._bag, -1)
        bag_truth = self._view.series_truth[series]
        # Where slices have labels they say more than the series does.
        bag_weight = self._weights.weigh(bag_truth) * ~told.any(axis=1)
        bags = np.nan_to_num(bag_truth), bag_weight.astype(np.float32)
        weight = self._weights.weigh(truth)
        return _finished(self._view, rows, truth, weight, bags, self._augmentation, rng)

    def _thinned(self, series: int, rng: np.random.Generator) -> Rows:
        own = self._view.prepared.index.rows_of(series)
        spacing = (own.stop - own.start) / self._bag
        at = np.floor((np.arange(self._bag) + rng.random()) * spacing).astype(np.int64)
        return np.asarray(own.start + np.minimum(at, own.stop - own.start - 1), np.int64)


def needs_bags(view: View, rows: Rows) -> bool:
    """Whether a label has positive series in these slices, but no positive slice."""
    truth = view.truth[rows]
    series = view.series_truth[np.unique(view.prepared.index.series[rows])]
    return bool(((series == 1).any(axis=0) & ~(truth == 1).any(axis=0)).any())


def _finished(
    view: View,
    rows: Rows,
    truth: Any,
    weight: Floats,
    bags: tuple[Floats, Floats],
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Batch:
    images, maps = augmented(view.images(rows), view.maps(rows), augmentation, rng)
    # The sum over a batch is a mean over what is known.
    known = max(1, int((weight > 0).sum()) + int((bags[1] > 0).sum()))
    return Batch(
        images=images,
        maps=maps,
        truth=np.nan_to_num(truth).astype(np.float32),
        weight=weight / np.float32(known),
        bag_truth=bags[0],
        bag_weight=bags[1] / np.float32(known),
    )
