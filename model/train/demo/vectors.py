"""The second half: from vectors of slices to sequences, and the network that reads them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.data.phantoms import truth
from hounsfield.model.data.prepared import Prepared
from hounsfield.model.networks.sequence import build_sequence
from hounsfield.model.train.demo.fit import Progress, masked_crossentropy, one_cycle
from hounsfield.model.train.demo.recipe import STEP_MM, Recipe

Floats = NDArray[np.float32]
SHORT = 0.2
"""Share of batches with parts of a few slices only."""
LONGEST_SHORT = 9
_TOLD_EVERY = 250
"""Steps between two words about progress."""


@dataclass(frozen=True, slots=True)
class Read:
    """One series as the sequence network reads it."""

    vectors: Floats
    """(n, d + 1); the last column is the distance from the slice before, mm."""
    lesion_mm2: Floats
    """(n, labels)."""


Encode = Callable[[NDArray[np.floating]], Floats]


def encoding(encoder: Any, batch: int = 128) -> Encode:
    """Return the function from slices (n, rows, columns, channels) to vectors (n, d); traced once."""
    import tensorflow as tf

    shape = (None, *encoder.input_shape[1:])
    run = tf.function(
        lambda tensors: encoder(tensors, training=False),
        input_signature=[tf.TensorSpec(shape, tf.float32)],
        autograph=False,
    )

    def encode(tensors: NDArray[np.floating]) -> Floats:
        starts = range(0, len(tensors), batch)
        parts = [np.asarray(run(tf.constant(tensors[at : at + batch].astype(np.float32)))) for at in starts]
        return np.concatenate(parts)

    return encode


def with_steps(vectors: Floats, position_mm: NDArray[np.floating]) -> Floats:
    """Return (n, d + 1): beside each vector its distance from the slice before, 0 for the first."""
    steps = np.diff(position_mm, prepend=position_mm[:1])[:, None]
    return np.concatenate([vectors, steps], axis=1).astype(np.float32)


def read(encoder: Any, data: Prepared, views: int, seed: int) -> list[Read]:
    """Return each series in several views, as it is and augmented; a fine one with slices left out too."""
    rng, encode = np.random.default_rng((seed, 77)), encoding(encoder)
    out: list[Read] = []
    for view in range(views):
        for number in range(data.about.series):
            rows = data.index.rows_of(number)
            tensors = data.tensors[rows].astype(np.float32)
            if view:
                tensors = same_change(rng, tensors)
            vectors = encode(tensors)
            out += _thinned(rng, vectors, data.index.position_mm[rows], data.index.extra["lesion_mm2"][rows])
    return out


def _thinned(rng: np.random.Generator, vectors: Floats, position_mm: Floats, lesion_mm2: Floats) -> list[Read]:
    out = [Read(with_steps(vectors, position_mm), lesion_mm2)]
    step = float(np.median(np.diff(position_mm)))
    if 2 * step <= STEP_MM[1]:
        part = slice(int(rng.integers(2)), None, 2)
        out.append(Read(with_steps(vectors[part], position_mm[part]), lesion_mm2[part]))
    return out


def same_change(rng: np.random.Generator, tensors: Floats) -> Floats:
    """Change all slices of a series alike: flip, contrast, level, sharpness; noise differs."""
    if rng.random() < 0.5:
        tensors = tensors[:, :, ::-1]
    inside = np.any(tensors != 0, axis=3, keepdims=True)
    channels = tensors.shape[3]
    out = tensors * rng.uniform(0.85, 1.2, (1, 1, 1, channels)).astype(np.float32)
    if rng.random() < 0.3:
        sigma = rng.uniform(0.3, 0.8)
        out = np.stack([np.asarray(cv2.GaussianBlur(np.ascontiguousarray(one), (0, 0), sigma)) for one in out])
    out = out + rng.standard_normal(out.shape, dtype=np.float32) * np.float32(rng.uniform(0, 0.15))
    out = out + rng.normal(0, 0.05, (1, 1, 1, channels)).astype(np.float32)
    return np.asarray(np.clip(out, -2, 2) * inside, np.float32)


def train_sequence(given: Sequence[Read], recipe: Recipe, progress: Progress | None = None) -> Any:
    """Return the trained sequence network. Call :func:`hounsfield.model.train.demo.fit.settle` first."""
    import tensorflow as tf

    width, labels = given[0].vectors.shape[1] - 1, given[0].lesion_mm2.shape[1]
    model = build_sequence(width, labels, units=recipe.units, dropout=recipe.sequence_dropout)
    optimiser = one_cycle(recipe.sequence_rate, recipe.sequence_steps, recipe.weight_decay)
    optimiser.build(model.trainable_variables)

    def step(vectors: Any, slices: Any, known: Any, series: Any, series_known: Any) -> Any:
        with tf.GradientTape() as tape:
            by_slice, by_series = model(vectors, training=True)
            loss = masked_crossentropy(slices, known, by_slice) + masked_crossentropy(series, series_known, by_series)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimiser.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    signature = [tf.TensorSpec((None, None, width + 1)), *[tf.TensorSpec((None, None, labels))] * 2]
    signature += [tf.TensorSpec((None, labels))] * 2
    run = tf.function(step, input_signature=signature, autograph=False)
    rng, losses = np.random.default_rng((recipe.seed, 78)), list[float]()
    for number in range(1, recipe.sequence_steps + 1):
        losses.append(float(run(*drawn(rng, given, recipe.sequence_batch))))
        if progress is not None and (number % _TOLD_EVERY == 0 or number == recipe.sequence_steps):
            progress(number, float(np.mean(losses)))
            losses.clear()
    return model


def drawn(rng: np.random.Generator, given: Sequence[Read], batch: int) -> tuple[Floats, ...]:
    """Return parts of equal length of a few series: vectors, slice truth, where known, series truth, where known.

    A part has the truth of its own slices: a series that is cut short may lose its haemorrhage. Some parts are very
    short, so that a slice on its own, or a few of them, are nothing strange.
    """
    short = rng.random() < SHORT
    length = len(given[int(rng.integers(len(given)))].vectors)
    if short:
        length = min(length, int(rng.integers(1, LONGEST_SHORT)))
    usable = [one for one in given if length <= len(one.vectors) and (short or len(one.vectors) <= 1.6 * length)]
    vectors, areas = [], []
    for index in rng.integers(len(usable), size=batch):
        one = usable[int(index)]
        start = int(rng.integers(len(one.vectors) - length + 1))
        part = one.vectors[start : start + length].copy()
        part[0, -1] = 0.0
        vectors.append(part)
        areas.append(one.lesion_mm2[start : start + length])
    slices = truth(np.stack(areas))
    series = truth(np.stack(areas).max(axis=1))
    return (
        np.stack(vectors).astype(np.float32),
        np.nan_to_num(slices),
        np.isfinite(slices).astype(np.float32),
        np.nan_to_num(series),
        np.isfinite(series).astype(np.float32),
    )


def scores(encoder: Any, sequence: Any, data: Prepared) -> tuple[Floats, Floats]:
    """Return scores of all slices (n, labels) and series (m, labels) of a set whose steps the model knows."""
    import tensorflow as tf

    vectors = encoding(encoder)(data.tensors)
    shape = (1, None, vectors.shape[1] + 1)
    run = tf.function(
        lambda one: sequence(one, training=False), input_signature=[tf.TensorSpec(shape, tf.float32)], autograph=False
    )
    slices, series = [], []
    for number in range(data.about.series):
        rows = data.index.rows_of(number)
        answer = run(tf.constant(with_steps(vectors[rows], data.index.position_mm[rows])[None]))
        slices.append(np.asarray(answer[0])[0])
        series.append(np.asarray(answer[1])[0])
    return np.concatenate(slices), np.stack(series)
