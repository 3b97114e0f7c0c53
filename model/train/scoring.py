"""Runs networks in training over slices and series, and judges what they say against what is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.aggregation import aggregation
from hounsfield.model.evaluate.cases import Level, cases_of, truth_and_scores
from hounsfield.model.evaluate.metrics import auc
from hounsfield.model.evaluate.scored import Scored
from hounsfield.model.interleave import put_back, sequences_of
from hounsfield.model.train.loop import Figures
from hounsfield.model.train.view import Rows, View

BATCH = 64

Scores = NDArray[np.float32]
Call = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class StepRange:
    """Distances of slices that a sequence network knows, mm: ``sequence.step_mm`` of a manifest."""

    smallest: float
    largest: float


def compiled_for(call: Call, view: View) -> Call:
    """Return a network as a graph that takes one batch of :data:`BATCH` slices."""
    import tensorflow as tf

    signature = [tf.TensorSpec((BATCH, *view.shape), tf.float32)]
    compiled: Call = tf.function(call, signature, autograph=False)
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
    call: Call, vectors: NDArray[np.float32], steps_mm: Sequence[float], smallest_mm: float
) -> tuple[Scores, Scores]:
    """Return slice scores (n, L) and series scores (L,) of one series from its vectors (n, d), as serving does."""
    answers = [call(rows[None]) for rows in sequences_of(vectors, steps_mm, smallest_mm)]
    slices = put_back([np.asarray(of_slices, np.float32)[0] for of_slices, _ in answers])
    series = [np.asarray(of_series, np.float32)[0] for _, of_series in answers]
    return slices, np.asarray(np.mean(series, axis=0, dtype=np.float64), np.float32)


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
    """Return mean log loss and AUC of what is known at these levels, or of slices; of series if no slice is positive.

    A data set with labels of series has negative slices only: by them the best network would be one that says no.
    Each level counts alike, and each known label of a case.
    """
    known = [one for one in levels or (Level.SLICE,) if (truth_and_scores(scored, one)[0] == 1).any()]
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
