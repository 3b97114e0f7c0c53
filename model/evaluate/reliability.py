"""Whether a score of 0.8 is right eight times in ten: Brier score, log loss, calibration error."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.evaluate.bootstrap import estimate, patient_draws
from hounsfield.model.evaluate.cases import Cases, Level, truth_and_scores
from hounsfield.model.evaluate.metrics import Estimate
from hounsfield.model.evaluate.scored import Scored

BINS = 10
FIRST_WEIGHT = 2.0
"""Of the first label in the log loss: ``any`` counts double (RSNA 2019 Intracranial Hemorrhage Detection)."""
_SMALLEST = 1e-15
"""Scores are held so far from 0 and 1 in the log loss, as the same evaluation does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bar of a calibration curve."""

    mean_score: float
    share_positive: float
    cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How far scores are from frequencies."""

    brier: float
    """Mean squared difference of score and truth."""
    ece: float
    """Expected calibration error over :data:`BINS` bins of equal width: mean |mean score - share positive|, weighted
    by cases (Guo et al., On calibration of modern neural networks, 2017)."""
    adaptive_ece: float
    """The same over bins of about equally many cases (Nixon et al., Measuring calibration in deep learning, 2019)."""
    bins: tuple[Bin, ...]
    """Of equal width; empty ones are left out."""


def reliability(cases: Cases) -> Reliability | None:
    """Return the figures; None without cases."""
    if len(cases.truth) == 0:
        return None
    bins = _bins(cases, np.minimum((cases.scores * BINS).astype(int), BINS - 1))
    edges = np.quantile(cases.scores, np.arange(1, BINS) / BINS)
    return Reliability(
        brier=float(((cases.scores - cases.truth) ** 2).mean()),
        ece=_error(bins),
        adaptive_ece=_error(_bins(cases, np.searchsorted(edges, cases.scores, side="right"))),
        bins=bins,
    )


def _bins(cases: Cases, places: NDArray[np.integer]) -> tuple[Bin, ...]:
    counts = np.bincount(places, minlength=BINS)
    scores = np.bincount(places, cases.scores, BINS)
    positives = np.bincount(places, cases.truth, BINS)
    return tuple(
        Bin(mean_score=float(s / c), share_positive=float(p / c), cases=int(c))
        for s, p, c in zip(scores, positives, counts, strict=True)
        if c
    )


def _error(bins: tuple[Bin, ...]) -> float:
    total = sum(one.cases for one in bins)
    return sum(abs(one.mean_score - one.share_positive) * one.cases for one in bins) / total


def weighted_log_loss(scored: Scored, level: Level, *, rounds: int, seed: int) -> Estimate | None:
    """Return the mean log loss over all known cells of the table, those of the first label counting double.

    With bootstrap bounds over patients; None if nothing is known.
    """
    truth, scores = truth_and_scores(scored, level)
    known = np.isfinite(truth)
    if not known.any():
        return None
    weights = known * np.array([FIRST_WEIGHT if len(scored.labels) > 1 else 1.0] + [1.0] * (len(scored.labels) - 1))
    p = np.clip(scores.astype(np.float64), _SMALLEST, 1.0 - _SMALLEST)
    losses = np.where(known, -np.where(truth >= 0.5, np.log(p), np.log1p(-p)), 0.0) * weights
    patients = np.unique(scored.patient, return_inverse=True)[1]
    own = patients[scored.series] if level is Level.SLICE else patients
    count = len(scored.patient)
    sums = np.stack([np.bincount(own, losses.sum(axis=1), count), np.bincount(own, weights.sum(axis=1), count)], axis=1)
    draws = patient_draws(np.unique(own), rounds, seed)
    loss, weight = (draws @ sums[: draws.shape[1]]).T
    spread = np.divide(loss, weight, out=np.full(len(loss), np.nan), where=weight > 0)
    return estimate(float(losses.sum() / weights.sum()), spread)
