"""Numbers about scores. numpy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating]
Truth = NDArray[np.bool_]
Groups = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def rounded(self) -> list[float]:
        """Return [value, low, high] as a manifest holds them."""
        return [round(self.value, 4), round(self.low, 4), round(self.high, 4)]


def auc(truth: Truth, scores: Scores) -> float:
    """Return the area under the ROC curve: the chance that a positive outranks a negative, ties half.

    NaN if one of the classes is missing.
    """
    return _weighted_auc(truth, scores, np.ones(len(scores)))


def _weighted_auc(truth: Truth, scores: Scores, weights: NDArray[np.floating]) -> float:
    values, place = np.unique(scores, return_inverse=True)
    positive = np.bincount(place, weights * truth, len(values))
    negative = np.bincount(place, weights * ~truth, len(values))
    pairs = positive.sum() * negative.sum()
    if pairs == 0:
        return float("nan")
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / pairs)


def auc_interval(truth: Truth, scores: Scores, heads: Groups, *, rounds: int = 500, seed: int = 0) -> Estimate:
    """Return the AUC with a bootstrap interval that draws whole heads, since slices of one head are alike."""
    values = [_weighted_auc(truth, scores, weights) for weights in _resampled(heads, rounds, seed)]
    return _interval(auc(truth, scores), values)


def auc_gain_interval(
    truth: Truth, scores: Scores, others: Scores, heads: Groups, *, rounds: int = 500, seed: int = 0
) -> Estimate:
    """Return by how much the AUC of ``scores`` is above that of ``others`` on the same slices."""
    values = [
        _weighted_auc(truth, scores, weights) - _weighted_auc(truth, others, weights)
        for weights in _resampled(heads, rounds, seed)
    ]
    return _interval(auc(truth, scores) - auc(truth, others), values)


def rate_interval(flags: NDArray[np.bool_], heads: Groups, *, rounds: int = 500, seed: int = 0) -> Estimate:
    """Return the share of True with a bootstrap interval over heads."""
    values = [float(np.average(flags, weights=w)) for w in _resampled(heads, rounds, seed) if w.sum() > 0]
    return _interval(float(flags.mean()), values)


def threshold_at_specificity(truth: Truth, scores: Scores, specificity: float) -> float:
    """Return the lowest threshold (score >= threshold is positive) with at least this specificity on these scores.

    Lies halfway to the next score above, so that it does not hang on one case. Raises ValueError without negatives.
    """
    negatives = np.sort(scores[~truth])
    if len(negatives) == 0:
        raise ValueError("a threshold needs negative cases")
    allowed = int(np.floor((1 - specificity) * len(negatives) + 1e-9))
    highest_negative = float(negatives[len(negatives) - 1 - allowed])
    above = scores[scores > highest_negative]
    following = float(above.min()) if len(above) else 1.0
    return (highest_negative + following) / 2


def _resampled(heads: Groups, rounds: int, seed: int) -> list[NDArray[np.float64]]:
    """Return, for each round, how often each case is drawn when whole heads are drawn."""
    names, place = np.unique(heads, return_inverse=True)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=rounds)
    return [draw[place].astype(np.float64) for draw in draws]


def _interval(value: float, values: list[float]) -> Estimate:
    usable = np.array([one for one in values if np.isfinite(one)])
    if len(usable) == 0:
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.quantile(usable, (0.025, 0.975))
    return Estimate(value, float(low), float(high))
