"""Scored data sets for tests, with a known amount of signal."""

import numpy as np

from hounsfield.model.evaluate.scored import Scored

LABELS = ("any", "subdural")


def sigmoid(values):
    return 1.0 / (1.0 + np.exp(-np.asarray(values, np.float64)))


def scored_set(series=40, slices=6, *, signal=2.0, seed=1, labels=LABELS, unknown=0.0):
    """Return a scored data set: half the series positive, two series for each patient, two scanners.

    ``unknown`` is the share of the truth that is not known.
    """
    rng = np.random.default_rng(seed)
    count = len(labels)
    positive = rng.permuted(np.tile((np.arange(series) % 2 == 0)[:, None], count), axis=0)
    rows = np.repeat(np.arange(series, dtype=np.int32), slices)
    truth = (positive[rows] & (rng.random((len(rows), count)) < 0.6)).astype(np.float32)
    scores = sigmoid(rng.normal((truth - 0.5) * signal, 1.0))
    series_scores = sigmoid(rng.normal((positive - 0.5) * signal, 1.0))
    series_truth = positive.astype(np.float32)
    for table in (truth, series_truth):
        table[rng.random(table.shape) < unknown] = np.nan
    return Scored(
        labels=tuple(labels),
        truth=truth,
        scores=scores.astype(np.float32),
        series=rows,
        names=np.array([f"s{row}/{number}.dcm" for number, row in enumerate(rows)], np.str_),
        series_key=np.array([f"s{row}" for row in range(series)], np.str_),
        series_truth=series_truth,
        series_scores=series_scores.astype(np.float32),
        patient=np.array([f"p{row // 2}" for row in range(series)], np.str_),
        scanner=np.array(["A", "B"] * series, np.str_)[:series],
    )
