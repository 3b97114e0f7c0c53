"""What happens at a threshold: the four counts, and the rates made of them with intervals over patients."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.evaluate.bootstrap import Values, estimate
from hounsfield.model.evaluate.cases import Cases
from hounsfield.model.evaluate.metrics import Estimate

PREVALENCES = (0.02, 0.06, 0.15)
"""Shares of positive series at which predictive values are stated unless others are asked for: screening of all head
CT, an emergency department, a trauma centre, roughly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """The four counts at a threshold."""

    tp: int
    fn: int
    fp: int
    tn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictiveValues:
    """Of a positive and of a negative answer, if this share of all cases were positive (Bayes)."""

    prevalence: float
    ppv: Estimate | None
    npv: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingFigures:
    """All that a threshold brings about on a set of cases."""

    threshold: float
    confusion: Confusion
    sensitivity: Estimate | None
    specificity: Estimate | None
    predictive: tuple[PredictiveValues, ...]


def operating_figures(
    cases: Cases, threshold: float, draws: Values, prevalences: Sequence[float] = PREVALENCES
) -> OperatingFigures:
    """Return the figures of a threshold; a case at or above it is flagged. ``draws`` as ``patient_draws`` makes them.

    A rate of exactly 0 or 1 has no spread under the bootstrap; its bounds are those of Clopper and Pearson for as many
    patients as it rests on.
    """
    counts = _counts_by_patient(cases, cases.scores >= threshold, draws.shape[1])
    tp, fn, fp, tn = counts.sum(axis=0)
    drawn = draws @ counts
    sensitivity = _rate(tp, fn, drawn[:, 0], drawn[:, 1], int((counts[:, 0] + counts[:, 1] > 0).sum()))
    specificity = _rate(tn, fp, drawn[:, 3], drawn[:, 2], int((counts[:, 2] + counts[:, 3] > 0).sum()))
    rates = (_share(tp, fn), _share(tn, fp))
    rounds = (_share(drawn[:, 0], drawn[:, 1]), _share(drawn[:, 3], drawn[:, 2]))
    return OperatingFigures(
        threshold=threshold,
        confusion=Confusion(tp=int(tp), fn=int(fn), fp=int(fp), tn=int(tn)),
        sensitivity=sensitivity,
        specificity=specificity,
        predictive=tuple(_predictive(share, rates, rounds) for share in prevalences),
    )


def _counts_by_patient(cases: Cases, flagged: NDArray[np.bool_], patients: int) -> NDArray[np.float64]:
    """Return (patients, 4): tp, fn, fp, tn."""
    kind = np.where(cases.truth, np.where(flagged, 0, 1), np.where(flagged, 2, 3))
    return np.bincount(cases.patients * 4 + kind, minlength=patients * 4).reshape(patients, 4).astype(np.float64)


def _share(hits: NDArray[np.floating] | float, misses: NDArray[np.floating] | float) -> Values:
    hits, total = np.asarray(hits, np.float64), np.asarray(hits, np.float64) + misses
    share: Values = np.full(total.shape, np.nan)
    np.divide(hits, total, out=share, where=total > 0)
    return share


def _rate(hits: float, misses: float, drawn_hits: Values, drawn_misses: Values, patients: int) -> Estimate | None:
    value = float(_share(hits, misses))
    if value in (0.0, 1.0):
        margin = 1.0 - 0.025 ** (1.0 / patients)
        return Estimate(value, 0.0 if value == 0.0 else 1.0 - margin, margin if value == 0.0 else 1.0)
    return estimate(value, _share(drawn_hits, drawn_misses))


def _predictive(share: float, rates: tuple[Values, Values], rounds: tuple[Values, Values]) -> PredictiveValues:
    ppv, npv = _bayes(share, *rates)
    ppv_rounds, npv_rounds = _bayes(share, *rounds)
    return PredictiveValues(
        prevalence=share, ppv=estimate(float(ppv), ppv_rounds), npv=estimate(float(npv), npv_rounds)
    )


def _bayes(share: float, sensitivity: Values, specificity: Values) -> tuple[Values, Values]:
    ppv = _share(sensitivity * share, (1.0 - specificity) * (1.0 - share))
    npv = _share(specificity * (1.0 - share), (1.0 - sensitivity) * share)
    return ppv, npv
