"""The recurrent network of a ``slice-sequence``, in training on vectors of the slice network, which stays as it is."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.evaluate.cases import Level
from hounsfield.model.interleave import sequences_of
from hounsfield.model.networks.sequence import build_sequence
from hounsfield.model.train.batches import ClassWeights
from hounsfield.model.train.config import SequenceChoice
from hounsfield.model.train.devices import Placement
from hounsfield.model.train.loop import Figures
from hounsfield.model.train.losses import series_loss
from hounsfield.model.train.optimisers import build_optimiser, rate_at
from hounsfield.model.train.scoring import (
    BATCH,
    Call,
    StepRange,
    figures_of,
    run_over,
    scored_part,
    sequence_scores,
)
from hounsfield.model.train.slice_stage import Material
from hounsfield.model.train.split import Part
from hounsfield.model.train.variables import Trainable
from hounsfield.model.train.view import Rows, View

_MARGIN = 1.1
"""Of the distances of the training set, where none are given."""

Series = tuple[NDArray[np.float32], ...]


def step_range(view: View, series: Rows, choice: SequenceChoice) -> StepRange:
    """Return the distances of slices that the network is to know: as chosen, or those of these series."""
    if choice.step_mm is not None:
        return StepRange(*choice.step_mm)
    medians = [float(np.median(steps)) for one in series if (steps := view.steps_mm(int(one)))]
    positive = [one for one in medians if one > 0]
    if not positive:
        return StepRange(0.0, 1000.0)
    return StepRange(round(min(positive) / _MARGIN, 3), round(min(max(positive) * _MARGIN, 1000.0), 3))


def write_vectors(path: Path, call: Call, view: View) -> NDArray[np.float32]:
    """Write the vectors (n, d) of all slices and return them mapped: they need not fit into memory."""
    count = len(view.truth)
    width = run_over(call, view, np.arange(1)).shape[1]
    vectors = np.lib.format.open_memmap(path, "w+", np.float32, (count, width))
    for start in range(0, count, BATCH):
        rows = np.arange(start, min(start + BATCH, count))
        vectors[rows] = run_over(call, view, rows)
    vectors.flush()
    mapped: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return mapped


class SequenceStage:
    """Each step sees some series, each of them whole, or as one of several coarser ones if it is finer than asked."""

    name = "series"

    def __init__(self, material: Material, vectors: NDArray[np.float32], steps: StepRange) -> None:
        """``vectors`` of all slices, (n, d)."""
        config, view = material.config, material.view
        self._material, self._vectors, self._range, self._choice = material, vectors, steps, config.sequence
        self.epochs = config.sequence.epochs
        train = material.split.series(Part.TRAIN)
        labels = view.prepared.about.labels
        weights = config.training.class_weights
        self._series = train[~np.isnan(view.series_truth[train]).all(axis=1)]
        self._slice_weights = ClassWeights.of(view.truth[view.slices_of(train)], labels, weights)
        self._series_weights = ClassWeights.of(view.series_truth[train], labels, weights)
        self._batch = min(config.sequence.batch, len(self._series))
        self.steps = max(1, len(self._series) // self._batch)
        self._validation = material.split.series(Part.VALIDATION)
        # One device: a series at a time is too little to share.
        placement = Placement(material.placement.names[:1])
        with placement.scope():
            self.network = built_sequence(config.sequence, vectors.shape[1], len(labels))
            optimiser = build_optimiser(config.optimiser.model_copy(update={"rate": config.sequence.rate}))
            self.trainable = Trainable(self.network, optimiser, placement)
        self._gradients, self._apply = self._compiled(placement)
        self._call = as_function(self.network, vectors.shape[1])

    def batches(self, epoch: int, first: int) -> Iterator[list[Series]]:
        """Yield batches from a step on: of each series vectors, truth and weight of slices, truth and weight."""
        order = np.random.default_rng((self._material.config.training.seed, epoch, 2)).permutation(self._series)
        for step in range(first, self.steps):
            rng = np.random.default_rng((self._material.config.training.seed, epoch, step, 3))
            yield [self._one(int(one), rng) for one in order[step * self._batch : (step + 1) * self._batch]]

    def _one(self, series: int, rng: np.random.Generator) -> Series:
        view = self._material.view
        rows = view.prepared.index.rows_of(series)
        parts = sequences_of(self._vectors[rows], view.steps_mm(series), self._range.smallest)
        first = int(rng.integers(len(parts)))
        truth = view.truth[rows][first :: len(parts)]
        weight = self._slice_weights.weigh(truth)
        of_series = view.series_truth[series]
        series_weight = self._series_weights.weigh(of_series)
        return (
            parts[first][None],
            np.nan_to_num(truth),
            weight / np.float32(max(1, int((weight > 0).sum())) * self._batch),
            np.nan_to_num(of_series),
            series_weight / np.float32(max(1, int((series_weight > 0).sum())) * self._batch),
        )

    def rate(self, epoch: float) -> float:
        """Return the learning rate after so many epochs."""
        return rate_at(self._material.config.schedule, self._choice.rate, epoch, self.epochs)

    def learn(self, batch: list[Series], rate: float) -> Any:
        """Take a step; return its loss."""
        self.trainable.set_rate(rate)
        loss, total = self._gradients(*batch[0])
        for one in batch[1:]:
            value, gradients = self._gradients(*one)
            loss, total = loss + value, [a + b for a, b in zip(total, gradients, strict=True)]
        self._apply(total)
        return loss

    def validate(self) -> Figures:
        """Judge slices and series of the validation part."""
        pairs = [self.scores(int(one)) for one in self._validation]
        slices, series = np.concatenate([one for one, _ in pairs]), np.stack([one for _, one in pairs])
        return figures_of(scored_part(self._material.view, self._validation, slices, series), *Level)

    def scores(self, series: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return slice scores (n, L) and series scores (L,)."""
        view = self._material.view
        own = np.asarray(self._vectors[view.prepared.index.rows_of(series)])
        return sequence_scores(self._call, own, view.steps_mm(series), self._range.smallest)

    def _compiled(self, placement: Placement) -> tuple[Any, Any]:
        import tensorflow as tf

        loss, variables = series_loss(self._choice.series_weight), self.network.trainable_variables
        labels = self._material.view.truth.shape[1]

        def gradients(vectors: Any, *others: Any) -> Any:
            with tf.device(placement.names[0]), tf.GradientTape() as tape:
                value = loss(self.network(vectors, training=True), *others)
            return value, tape.gradient(value, variables)

        def apply(found: Iterable[Any]) -> None:
            self.trainable.optimiser.apply_gradients(zip(found, variables, strict=True))

        shapes = ((1, None, self._vectors.shape[1] + 1), (None, labels), (None, labels), (labels,), (labels,))
        signature = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
        return tf.function(gradients, signature, autograph=False), tf.function(apply, autograph=False)


def built_sequence(choice: SequenceChoice, width: int, labels: int) -> Any:
    """Return the network; it computes in float32, whatever the slice network was trained in."""
    import keras

    keras.config.set_dtype_policy("float32")
    return build_sequence(width, labels, cell=choice.cell, units=choice.units, dropout=choice.dropout)


def as_function(network: Any, width: int) -> Call:
    """Return a sequence network as a graph for series of any length."""
    import tensorflow as tf

    signature = [tf.TensorSpec((1, None, width + 1), tf.float32)]
    call: Call = tf.function(lambda vectors: network(vectors, training=False), signature, autograph=False)
    return call
