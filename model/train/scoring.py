"""Runs networks in training over slices and series, and judges what they say against what is known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.aggregation import aggregation
from hounsfield.model.evaluate.cases import Level, cases_of, truth_and_scores
from hounsfield.model.evaluate.metrics import auc
from hounsfield.model.evaluate.scored import Scored
from hounsfield.model.train.loop import Figures
from hounsfield.model.train.view import Rows, View

BATCH = 64

Scores = NDArray[np.float32]
Call = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class StepRange:
    """Distances of slices that a sequence network knows, mm."""

    smallest: float
    largest: float

    def stride(self, steps_mm: NDArray[np.floating]) -> int:
        """Return into how many coarser series, lying between each other, a series is read; 1 for one as it is.

        ``steps_mm`` as :meth:`View.steps_mm` gives it. The smallest number that brings the median step to
        ``smallest`` or above, as ``sequence.step_mm`` of a manifest says.
        """
        median = float(np.median(steps_mm[1:])) if len(steps_mm) > 1 else 0.0
        if median <= 0 or median >= self.smallest:
            return 1
        return min(int(np.ceil(self.smallest / median - 1e-6)), len(steps_mm))


def compiled_for(call: Call, view: View) -> Call:
    """Return a network as a graph that takes one batch of :data:`BATCH` slices."""
    import tensorflow as tf

    compiled: Call = tf.function(call, input_signature=[tf.TensorSpec((BATCH, *view.shape), tf.float32)])
    return compiled


def run_over(call: Call, view: View, rows: Rows) -> Scores:
    """Return what a network answers to these slices, (k, columns); ``call`` is from :func:`compiled_for`."""
    parts = []
    for start in range(0, len(rows), BATCH):
        own = rows[start : start + BATCH]
        padded = np.zeros((BATCH, *view.shape), np.float32)
        padded[: len(own)] = view.images(own)
        parts.append(np.asarray(call(padded), np.float32)[: len(own)])
    return np.concatenate(parts)


def sequence_scores(
    call: Call, vectors: NDArray[np.float32], steps_mm: NDArray[np.float32], stride: int
) -> tuple[Scores, Scores]:
    """Return slice scores (n, L) and series scores (L,) of one series from its vectors (n, d).

    With a stride every ``stride``-th slice is a series of its own; each slice is scored in its own one, and the
    series has the mean of all.
    """
    slices: list[tuple[Rows, Scores]] = []
    series: list[Scores] = []
    for start in range(stride):
        own = np.arange(start, len(vectors), stride)
        of_slices, of_series = call(sequence_input(vectors, steps_mm, own)[None])
        slices.append((own, np.asarray(of_slices, np.float32)[0]))
        series.append(np.asarray(of_series, np.float32)[0])
    out = np.empty((len(vectors), slices[0][1].shape[1]), np.float32)
    for own, scores in slices:
        out[own] = scores
    return out, np.asarray(np.mean(series, axis=0, dtype=np.float64), np.float32)


def sequence_input(vectors: NDArray[np.float32], steps_mm: NDArray[np.float32], own: Rows) -> NDArray[np.float32]:
    """Return (k, d + 1) of some slices: their vectors, and the distance from the one before, 0 for the first."""
    position = np.cumsum(steps_mm)[own]
    steps = np.diff(position, prepend=position[:1]).astype(np.float32)
    return np.concatenate([vectors[own], steps[:, None]], axis=1)


def scored_part(view: View, series: Rows, slices: Scores, series_scores: Scores) -> Scored:
    """Put scores of the slices (k, L) and of the series (m', L) of a part beside their truth."""
    index = view.prepared.index
    rows = view.slices_of(series)
    return Scored(
        labels=view.prepared.about.labels,
        truth=view.truth[rows],
        scores=slices,
        series=np.searchsorted(series, index.series[rows]).astype(np.int32),
        names=index.names[rows],
        series_key=index.series_key[series],
        series_truth=view.series_truth[series],
        series_scores=series_scores,
        patient=index.patient[series],
        scanner=index.scanner[series],
    )


def aggregated(view: View, series: Rows, slices: Scores, how: str) -> Scores:
    """Return the scores of series (m', L) from those of their slices, as the predictor does."""
    own = view.prepared.index.series[view.slices_of(series)]
    return np.stack([aggregation(how)(slices[own == one]) for one in series])


def figures_of(scored: Scored, *levels: Level) -> Figures:
    """Return mean log loss and AUC of what is known: at these levels, or of slices, of series where no slice is known.

    Each level counts alike, and each known label of a case.
    """
    known = [one for one in levels or (Level.SLICE,) if np.isfinite(truth_and_scores(scored, one)[0]).any()]
    aucs, losses = {}, []
    for level in known or (Level.SERIES,):
        logs = []
        for place, name in enumerate(scored.labels):
            cases = cases_of(scored, level, place)
            if cases.both:
                aucs[f"{name} ({level})"] = auc(cases.truth, cases.scores)
            score = np.clip(cases.scores, 1e-7, 1 - 1e-7)
            logs.append(-np.where(cases.truth, np.log(score), np.log1p(-score)))
        together = np.concatenate(logs)
        losses.append(float(together.mean()) if len(together) else float("nan"))
    return Figures(
        loss=float(np.mean(losses)), auc=float(np.mean(list(aucs.values()))) if aucs else float("nan"), aucs=aucs
    )
