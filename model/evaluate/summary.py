"""All figures of one held-out set: slices, series, kinds of haemorrhage, and the brightness rules beside them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.aggregation import aggregation
from hounsfield.model.evaluate.metrics import (
    Estimate,
    auc,
    auc_gain_interval,
    auc_interval,
    rate_interval,
    threshold_at_specificity,
)

POSITIVE_MM2 = 30.0
"""A slice is positive from this area of lesion; with less, but some, it is left out."""
SMALLEST_BRAIN_MM2 = 1500.0
"""Slices with less brain (vertex, neck) are left out of slice figures: they would be easy negatives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSet:
    """Slices of a held-out set with what is true of them and what the model says."""

    scores: NDArray[np.float32]
    lesion_mm2: NDArray[np.float64]
    brain_mm2: NDArray[np.float64]
    rules: NDArray[np.float32]
    """(n, rules)."""
    heads: NDArray[np.int64]
    kinds: NDArray[np.int64]
    """Kind of haemorrhage in the head, 0 for none."""

    def counted(self) -> "ScoredSet":
        """Return the slices that slice figures count."""
        clear = (self.lesion_mm2 == 0) | (self.lesion_mm2 >= POSITIVE_MM2)
        return self._only(clear & (self.brain_mm2 >= SMALLEST_BRAIN_MM2))

    def _only(self, chosen: NDArray[np.bool_]) -> "ScoredSet":
        return ScoredSet(**{name: getattr(self, name)[chosen] for name in ScoredSet.__slots__})

    @property
    def truth(self) -> NDArray[np.bool_]:
        """Which slices are positive."""
        return np.asarray(self.lesion_mm2 >= POSITIVE_MM2)


@dataclass(frozen=True, slots=True)
class SeriesScores:
    """One row per head; heads with too small a lesion are left out."""

    scores: NDArray[np.float32]
    truth: NDArray[np.bool_]
    heads: NDArray[np.int64]
    kinds: NDArray[np.int64]


def by_series(scored: ScoredSet, how: str) -> SeriesScores:
    """Aggregate the slices of each head, all of them, as the predictor does."""
    combine = aggregation(how)
    rows = []
    for head in np.unique(scored.heads):
        own = scored.heads == head
        kind, lesion = int(scored.kinds[own][0]), float(scored.lesion_mm2[own].max())
        if lesion == 0 or lesion >= POSITIVE_MM2:
            rows.append((float(combine(scored.scores[own][:, None])[0]), lesion > 0, int(head), kind if lesion else 0))
    scores, truth, heads, kinds = zip(*rows, strict=True)
    return SeriesScores(np.array(scores, np.float32), np.array(truth), np.array(heads), np.array(kinds))


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Thresholds, chosen on the validation set."""

    series: float
    slice: float


def choose_thresholds(validation: ScoredSet, how: str, specificity: float) -> OperatingPoint:
    """Return the thresholds with this specificity on the validation set, rounded to three decimals."""
    series, slices = by_series(validation, how), validation.counted()
    return OperatingPoint(
        series=round(threshold_at_specificity(series.truth, series.scores, specificity), 3),
        slice=round(threshold_at_specificity(slices.truth, slices.scores, specificity), 3),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of one set."""

    slices: int
    positive_slices: int
    series: int
    positive_series: int
    slice_auc: Estimate
    best_rule: str
    best_rule_auc: Estimate
    gain: Estimate
    """Slice AUC above that of the best rule."""
    rule_aucs: Mapping[str, float]
    slice_sensitivity: Estimate
    slice_specificity: Estimate
    series_auc: Estimate
    series_sensitivity: Estimate
    series_specificity: Estimate
    kind_sensitivity: Mapping[int, float]
    """Share of the series with this kind of haemorrhage that is flagged."""

    def numbers(self) -> dict[str, float | int | str | list[float]]:
        """Return what a manifest holds: counts, and [value, low, high] for estimates."""
        out: dict[str, float | int | str | list[float]] = {}
        for name in ("slices", "positive_slices", "series", "positive_series", "best_rule"):
            out[name] = getattr(self, name)
        for name in ESTIMATES:
            out[name] = getattr(self, name).rounded()
        return out


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


def summarise(scored: ScoredSet, names: tuple[str, ...], how: str, point: OperatingPoint) -> Summary:
    """Return all figures at the given operating point. ``names`` are those of the rules."""
    slices, series = scored.counted(), by_series(scored, how)
    truth = slices.truth
    aucs = {name: auc(truth, slices.rules[:, column]) for column, name in enumerate(names)}
    best = max(aucs, key=lambda name: aucs[name])
    rule = slices.rules[:, names.index(best)]
    flagged, series_flagged = slices.scores >= point.slice, series.scores >= point.series
    bleeding = [kind for kind in np.unique(series.kinds).tolist() if kind]
    return Summary(
        slices=len(truth),
        positive_slices=int(truth.sum()),
        series=len(series.truth),
        positive_series=int(series.truth.sum()),
        slice_auc=auc_interval(truth, slices.scores, slices.heads),
        best_rule=best,
        best_rule_auc=auc_interval(truth, rule, slices.heads),
        gain=auc_gain_interval(truth, slices.scores, rule, slices.heads),
        rule_aucs=aucs,
        slice_sensitivity=rate_interval(flagged[truth], slices.heads[truth]),
        slice_specificity=rate_interval(~flagged[~truth], slices.heads[~truth]),
        series_auc=auc_interval(series.truth, series.scores, series.heads),
        series_sensitivity=rate_interval(series_flagged[series.truth], series.heads[series.truth]),
        series_specificity=rate_interval(~series_flagged[~series.truth], series.heads[~series.truth]),
        kind_sensitivity={kind: float(series_flagged[series.kinds == kind].mean()) for kind in bleeding},
    )
