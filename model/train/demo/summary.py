"""All figures of the demonstration model on one set of generated heads, and the brightness rules beside them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.data.brightness import RULES
from hounsfield.model.evaluate.cases import Cases, Level, cases_of
from hounsfield.model.evaluate.metrics import (
    Estimate,
    auc,
    auc_gain_interval,
    auc_interval,
    rate_interval,
    threshold_at_specificity,
)
from hounsfield.model.evaluate.reliability import reliability
from hounsfield.model.evaluate.scored import Scored

UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"))
ANY = 0
"""Place of the label that decides."""


@dataclass(frozen=True, slots=True)
class Point:
    """The thresholds of one label."""

    series: float
    slice: float


def choose_points(validation: Scored, specificity: float) -> tuple[Point, ...]:
    """Return the thresholds of each label with this specificity on the validation set, rounded to three decimals."""
    return tuple(
        Point(*(_threshold(cases_of(validation, level, label), specificity) for level in (Level.SERIES, Level.SLICE)))
        for label in range(len(validation.labels))
    )


def _threshold(cases: Cases, specificity: float) -> float:
    lowest = threshold_at_specificity(cases.truth, cases.scores, specificity)
    return float(np.clip(round(lowest, 3), 0.001, 0.999))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of one set; of the label that decides, if nothing else is said."""

    slices: int
    positive_slices: int
    series: int
    positive_series: int
    slice_aucs: Mapping[str, Estimate]
    """Of each label."""
    series_aucs: Mapping[str, Estimate]
    best_rule: str
    best_rule_auc: Estimate
    gain: Estimate
    """Slice AUC above that of the best rule."""
    slice_sensitivity: Estimate
    slice_specificity: Estimate
    series_sensitivity: Estimate
    series_specificity: Estimate
    slice_ece: float
    series_ece: float

    @property
    def slice_auc(self) -> Estimate:
        """Of the label that decides."""
        return next(iter(self.slice_aucs.values()))

    @property
    def series_auc(self) -> Estimate:
        """Of the label that decides."""
        return next(iter(self.series_aucs.values()))

    def numbers(self) -> dict[str, float | int | str | list[float]]:
        """Return flat figures: counts, names, single numbers, and [value, low, high] for estimates."""
        out: dict[str, float | int | str | list[float]] = {name: getattr(self, name) for name in COUNTS}
        out |= {name: getattr(self, name).rounded() for name in ESTIMATES}
        out |= {"slice_ece": round(self.slice_ece, 4), "series_ece": round(self.series_ece, 4)}
        for level, aucs in (("slice", self.slice_aucs), ("series", self.series_aucs)):
            kinds = list(aucs.items())[1:]
            out |= {f"{level}_auc_{name}": one.rounded() for name, one in kinds if np.isfinite(one.value)}
        return out


COUNTS = ("slices", "positive_slices", "series", "positive_series", "best_rule")
ESTIMATES = (
    "slice_auc",
    "best_rule_auc",
    "gain",
    "slice_sensitivity",
    "slice_specificity",
    "series_auc",
    "series_sensitivity",
    "series_specificity",
)


def summarise(given: Scored, brightness: NDArray[np.float32], point: Point) -> Summary:
    """Return all figures; ``brightness`` (n, rules) of the same slices, ``point`` of the label that decides."""
    slices, series = cases_of(given, Level.SLICE, ANY), cases_of(given, Level.SERIES, ANY)
    rules = brightness[slices.rows]
    aucs = {name: auc(slices.truth, rules[:, column]) for column, name in enumerate(RULES)}
    best = max(aucs, key=lambda name: aucs[name])
    rule = rules[:, RULES.index(best)]
    slice_sensitivity, slice_specificity = _rates(slices, point.slice)
    series_sensitivity, series_specificity = _rates(series, point.series)
    return Summary(
        slices=len(slices.truth),
        positive_slices=slices.positives,
        series=len(series.truth),
        positive_series=series.positives,
        slice_aucs=_aucs(given, Level.SLICE),
        series_aucs=_aucs(given, Level.SERIES),
        best_rule=best,
        best_rule_auc=auc_interval(slices.truth, rule, slices.patients),
        gain=auc_gain_interval(slices.truth, slices.scores, rule, slices.patients),
        slice_sensitivity=slice_sensitivity,
        slice_specificity=slice_specificity,
        series_sensitivity=series_sensitivity,
        series_specificity=series_specificity,
        slice_ece=_ece(slices),
        series_ece=_ece(series),
    )


def _aucs(given: Scored, level: Level) -> dict[str, Estimate]:
    out = {}
    for label, name in enumerate(given.labels):
        cases = cases_of(given, level, label)
        out[name] = auc_interval(cases.truth, cases.scores, cases.patients) if cases.both else UNKNOWN
    return out


def _rates(cases: Cases, threshold: float) -> tuple[Estimate, Estimate]:
    """Return sensitivity and specificity."""
    flagged, truth = cases.scores >= threshold, cases.truth
    rates = (
        rate_interval(right[chosen], cases.patients[chosen]) if chosen.any() else UNKNOWN
        for right, chosen in ((flagged, truth), (~flagged, ~truth))
    )
    sensitivity, specificity = rates
    return sensitivity, specificity


def _ece(cases: Cases) -> float:
    found = reliability(cases)
    return float("nan") if found is None else found.ece
