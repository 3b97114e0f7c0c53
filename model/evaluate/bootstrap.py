"""Intervals by drawing patients: all rounds at once, as sums along the sorted scores.

Cases of one patient are alike, so whole patients are drawn with replacement (Efron and Tibshirani, An introduction to
the bootstrap, 1993, chapter 8). Intervals hold the middle 95 % of the rounds in which the figure is defined.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.evaluate.cases import Cases
from hounsfield.model.evaluate.metrics import Estimate

Values = NDArray[np.float64]
ROUNDS = 1000
LEAST_DEFINED = 0.5
"""Share of the rounds in which a figure must be defined for its interval to mean something."""
_CELLS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Curve:
    """Counts at and above each distinct score, the highest first; R rounds, G distinct scores."""

    scores: Values
    """(G,), descending."""
    tp: Values
    """(R, G)."""
    fp: Values
    """(R, G)."""

    @property
    def positives(self) -> Values:
        """(R, 1)."""
        return self.tp[:, -1:]

    @property
    def negatives(self) -> Values:
        """(R, 1)."""
        return self.fp[:, -1:]


Statistic = Callable[[Curve], Values]
"""From a curve to one number for each round, NaN where it is not defined."""


def patient_draws(patients: NDArray[np.intp], rounds: int, seed: int) -> NDArray[np.float64]:
    """Return (rounds, highest patient number + 1): how often each patient of these cases is drawn."""
    present, rng = np.unique(patients), np.random.default_rng(seed)
    draws = np.zeros((rounds, int(present[-1]) + 1 if len(present) else 0))
    if len(present):
        draws[:, present] = rng.multinomial(len(present), np.full(len(present), 1 / len(present)), size=rounds)
    return draws


def whole(cases: Cases) -> Curve:
    """Return the curve of the cases as they are, in one round."""
    return next(_curves(cases, np.ones((1, int(cases.patients.max(initial=0)) + 1))))


def estimates(cases: Cases, statistics: Mapping[str, Statistic], draws: Values) -> dict[str, Estimate | None]:
    """Return each statistic with its interval; None where it is not defined."""
    if len(cases.truth) == 0:
        return dict.fromkeys(statistics)
    once, rounds = _values(cases, statistics, draws)
    return {name: estimate(once[name], rounds[name]) for name in statistics}


def differences(
    first: Cases, second: Cases, statistics: Mapping[str, Statistic], draws: Values
) -> dict[str, Estimate | None]:
    """Return second minus first for the same cases, in the same order, with other scores: paired in each round."""
    if len(first.truth) == 0:
        return dict.fromkeys(statistics)
    one, one_rounds = _values(first, statistics, draws)
    other, other_rounds = _values(second, statistics, draws)
    return {name: estimate(other[name] - one[name], other_rounds[name] - one_rounds[name]) for name in statistics}


def _values(
    cases: Cases, statistics: Mapping[str, Statistic], draws: Values
) -> tuple[dict[str, float], dict[str, Values]]:
    curve = whole(cases)
    rounds: dict[str, list[Values]] = {name: [] for name in statistics}
    for drawn in _curves(cases, draws):
        for name, statistic in statistics.items():
            rounds[name].append(statistic(drawn))
    once = {name: float(statistic(curve)[0]) for name, statistic in statistics.items()}
    return once, {name: np.concatenate(values) for name, values in rounds.items()}


def estimate(value: float, rounds: Values) -> Estimate | None:
    """Return the value with the middle 95 % of the rounds; None if it is not defined, no bounds in too few rounds."""
    if not np.isfinite(value):
        return None
    usable = rounds[np.isfinite(rounds)]
    if len(usable) < max(1, LEAST_DEFINED * len(rounds)):
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.quantile(usable, (0.025, 0.975))
    return Estimate(value, float(low), float(high))


def _curves(cases: Cases, draws: Values) -> Iterator[Curve]:
    order = np.argsort(-cases.scores, kind="stable")
    scores = cases.scores[order]
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    truth, patients = cases.truth[order], cases.patients[order]
    step = max(1, _CELLS_AT_ONCE // len(scores))
    for first in range(0, len(draws), step):
        weights = draws[first : first + step][:, patients]
        positive = np.add.reduceat(weights * truth, starts, axis=1)
        every = np.add.reduceat(weights, starts, axis=1)
        tp = np.cumsum(positive, axis=1)
        yield Curve(scores[starts], tp, np.cumsum(every, axis=1) - tp)


def auroc(curve: Curve) -> Values:
    """Area under the ROC curve, ties half: the trapezoids between its points."""
    tp, fp = _from_origin(curve.tp), _from_origin(curve.fp)
    area = (np.diff(fp, axis=1) * (tp[:, 1:] + tp[:, :-1]) / 2).sum(axis=1)
    return divided(area, (curve.positives * curve.negatives)[:, 0])


def average_precision(curve: Curve) -> Values:
    """Area under the precision-recall curve as a step function, without interpolation.

    Not defined without negatives either: it would always be 1.
    """
    gained = np.diff(_from_origin(curve.tp), axis=1)
    area = (gained * divided(curve.tp, curve.tp + curve.fp, 0.0)).sum(axis=1)
    return np.where(curve.negatives[:, 0] > 0, divided(area, curve.positives[:, 0]), np.nan)


def specificity_at(sensitivity: float) -> Statistic:
    """Return the statistic: specificity at the highest threshold that still has this sensitivity in the round."""

    def statistic(curve: Curve) -> Values:
        reached = curve.tp >= sensitivity * curve.positives - 1e-9
        place = np.argmax(reached, axis=1)[:, None]
        false_alarms = np.take_along_axis(curve.fp, place, axis=1)
        share = 1.0 - divided(false_alarms, curve.negatives)[:, 0]
        return np.where(curve.positives[:, 0] > 0, share, np.nan)

    return statistic


def _from_origin(counts: Values) -> Values:
    return np.concatenate([np.zeros((len(counts), 1)), counts], axis=1)


def divided(above: Values, below: Values, otherwise: float = np.nan) -> Values:
    """Return the quotient, ``otherwise`` where there is nothing to divide by."""
    out: Values = np.full(np.broadcast(above, below).shape, otherwise)
    np.divide(above, below, out=out, where=below > 0)
    return out


def roc_points(curve: Curve, false_positive_rates: Values) -> Values:
    """Return the sensitivity of each round at these rates, (R, rates); NaN in rounds that lack a class."""
    rows = []
    for tp, fp in zip(_from_origin(curve.tp), _from_origin(curve.fp), strict=True):
        known = tp[-1] > 0 and fp[-1] > 0
        # The highest point of each vertical step: np.interp takes the last of equal abscissae.
        rows.append(
            np.interp(false_positive_rates, fp / fp[-1], tp / tp[-1]) if known else false_positive_rates * np.nan
        )
    return np.array(rows)


def precision_points(curve: Curve, recalls: Values) -> Values:
    """Return the precision of each round where it first reaches these recalls, (R, recalls)."""
    rows = []
    for tp, fp in zip(curve.tp, curve.fp, strict=True):
        place = np.searchsorted(tp, recalls * tp[-1] - 1e-9)
        rows.append(tp[place] / np.maximum(tp[place] + fp[place], 1e-12) if tp[-1] > 0 else recalls * np.nan)
    return np.array(rows)


def band(cases: Cases, points: Callable[[Curve, Values], Values], at: Values, draws: Values) -> tuple[Values, Values]:
    """Return lower and upper bound (95 %, for each point by itself) of a curve."""
    rows = np.concatenate([points(curve, at) for curve in _curves(cases, draws)])
    usable = rows[np.isfinite(rows).all(axis=1)]
    low, high = np.quantile(usable, (0.025, 0.975), axis=0)
    return low, high
