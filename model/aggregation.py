"""From slice scores to the score of the series, by the registered names a manifest may use."""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Aggregation = Callable[[Scores], Scores]

ALLOWED = '"max", "mean" or "top-K-mean" (K from 1 to 99, e.g. "top-3-mean")'

_TOP_MEAN = re.compile(r"top-([1-9][0-9]?)-mean")


def aggregation(name: str) -> Aggregation:
    """Return the function behind a registered name.

    It takes slice scores of shape (slices, labels), at least one slice, and returns shape (labels,).
    ``top-K-mean`` of fewer than K slices is the mean of all. Raises ValueError for an unknown name.
    """
    if name == "max":
        return _maximum
    if name == "mean":
        return _mean
    if match := _TOP_MEAN.fullmatch(name):
        return _top_mean(int(match[1]))
    raise ValueError(f"unknown aggregation; allowed: {ALLOWED}")


def _checked(scores: Scores) -> Scores:
    if scores.ndim != 2 or scores.shape[0] == 0:
        raise ValueError(f"slice scores must have shape (slices, labels) with at least one slice, not {scores.shape}")
    return scores


def _maximum(scores: Scores) -> Scores:
    highest: Scores = _checked(scores).max(axis=0)
    return highest


def _mean(scores: Scores) -> Scores:
    mean: Scores = _checked(scores).mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def _top_mean(count: int) -> Aggregation:
    def top_mean(scores: Scores) -> Scores:
        return _mean(np.sort(_checked(scores), axis=0)[-count:])

    return top_mean
