"""Two bundles on the same cases: who ranks better, who finds more at its threshold, and whether it could be chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.errors import DataError
from hounsfield.model.evaluate.bootstrap import (
    Curve,
    Values,
    auroc,
    average_precision,
    differences,
    divided,
    estimates,
    patient_draws,
    specificity_at,
)
from hounsfield.model.evaluate.cases import Cases, Level, cases_of
from hounsfield.model.evaluate.delong import DeLong, delong
from hounsfield.model.evaluate.extras import needs_train
from hounsfield.model.evaluate.figures import Settings
from hounsfield.model.evaluate.metrics import Estimate
from hounsfield.model.evaluate.rates import operating_figures
from hounsfield.model.evaluate.scored import Scored
from hounsfield.model.evaluate.scores_file import ScoresFile
from hounsfield.model.evaluate.thresholds import Thresholds

STATISTICS = {
    "AUROC": auroc,
    "AUPRC": average_precision,
    "specificity at a sensitivity of 0.95": specificity_at(0.95),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One figure of both, and by how much the second is higher."""

    figure: str
    first: Estimate | None
    second: Estimate | None
    difference: Estimate | None
    """Paired bootstrap over patients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """Cases on which the two disagree at their thresholds (McNemar 1947, exact)."""

    only_first_right: int
    only_second_right: int
    p: float | None
    """None where cases are not independent, several of one patient: then the bootstrap difference says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelComparison:
    """One label at one level."""

    label: str
    level: Level
    cases: int
    positives: int
    changes: tuple[Change, ...]
    delong: DeLong | None
    """Only where each patient has one case: the test takes cases as independent."""
    positives_at_threshold: McNemar | None
    negatives_at_threshold: McNemar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The second against the first."""

    first: str
    second: str
    settings: Settings
    labels: tuple[LabelComparison, ...]


@needs_train
def compare(first: ScoresFile, second: ScoresFile, settings: Settings | None = None) -> Comparison:
    """Compare two bundles on the same cases. Raises DataError if the cases or their truth differ."""
    settings = settings or Settings()
    common = tuple(name for name in first.scored.labels if name in second.scored.labels)
    if not common:
        raise DataError(f"{first.bundle} and {second.bundle} have no label in common")
    one, other = first.scored, aligned(second.scored, first.scored)
    sides = ((one, first.thresholds), (other, second.thresholds))
    _require_same_truth(one, other, common)
    return Comparison(
        first=first.bundle,
        second=second.bundle,
        settings=settings,
        labels=tuple(_label(sides, name, level, settings) for level in (Level.SERIES, Level.SLICE) for name in common),
    )


def aligned(scored: Scored, like: Scored) -> Scored:
    """Return ``scored`` with its cases in the order of ``like``. Raises DataError if they are not the same cases."""
    series, slices = _order(scored.series_key, like.series_key), _order(scored.names, like.names)
    new_row = np.empty(len(series), np.int32)
    new_row[series] = np.arange(len(series), dtype=np.int32)
    return Scored(
        labels=scored.labels,
        truth=scored.truth[slices],
        scores=scored.scores[slices],
        series=new_row[scored.series[slices]],
        names=scored.names[slices],
        series_key=scored.series_key[series],
        series_truth=scored.series_truth[series],
        series_scores=scored.series_scores[series],
        patient=scored.patient[series],
        scanner=scored.scanner[series],
    )


def _order(names: NDArray[np.str_], wanted: NDArray[np.str_]) -> NDArray[np.intp]:
    place, target = np.argsort(names, kind="stable"), np.argsort(wanted, kind="stable")
    if len(names) != len(wanted) or not np.array_equal(names[place], wanted[target]):
        raise DataError("the two were scored on different cases; score both on the same prepared data set")
    order = np.empty(len(names), np.intp)
    order[target] = place
    return order


def _require_same_truth(one: Scored, other: Scored, labels: tuple[str, ...]) -> None:
    mine, theirs = [[side.labels.index(name) for name in labels] for side in (one, other)]
    same = np.array_equal(one.truth[:, mine], other.truth[:, theirs], equal_nan=True) and np.array_equal(
        one.series_truth[:, mine], other.series_truth[:, theirs], equal_nan=True
    )
    if not same or not np.array_equal(one.patient, other.patient):
        raise DataError("the truth of the two differs; score both on the same prepared data set")


Side = tuple[Scored, Thresholds]


def _label(sides: tuple[Side, Side], name: str, level: Level, settings: Settings) -> LabelComparison:
    places = [side[0].labels.index(name) for side in sides]
    first, second = (cases_of(side[0], level, place) for side, place in zip(sides, places, strict=True))
    thresholds = [side[1].of(level)[place] for side, place in zip(sides, places, strict=True)]
    draws = patient_draws(first.patients, settings.rounds, settings.seed)
    independent = len(np.unique(first.patients)) == len(first.patients)
    at_thresholds = _at_thresholds(first, second, thresholds, draws)
    return LabelComparison(
        label=name,
        level=level,
        cases=len(first.truth),
        positives=first.positives,
        changes=(*_changes(first, second, draws), *at_thresholds),
        delong=_delong(first, second) if independent else None,
        positives_at_threshold=_mcnemar(first, second, thresholds, True, independent),
        negatives_at_threshold=_mcnemar(first, second, thresholds, False, independent),
    )


def _changes(first: Cases, second: Cases, draws: Values) -> list[Change]:
    one, other = estimates(first, STATISTICS, draws), estimates(second, STATISTICS, draws)
    gained = differences(first, second, STATISTICS, draws)
    return [Change(figure=name, first=one[name], second=other[name], difference=gained[name]) for name in STATISTICS]


def _delong(first: Cases, second: Cases) -> DeLong | None:
    if min(first.positives, first.negatives) < 2:
        return None
    return delong(first.truth, first.scores, second.scores)


def _at_thresholds(first: Cases, second: Cases, thresholds: list[float | None], draws: Values) -> list[Change]:
    low, high = thresholds
    if low is None or high is None or len(first.truth) == 0:
        return []
    one, other = operating_figures(first, low, draws, ()), operating_figures(second, high, draws, ())
    rates = {"sensitivity": _sensitivity, "specificity": _specificity}
    gained = differences(_as_scores(first, low), _as_scores(second, high), rates, draws)
    return [
        Change(
            figure=f"{name} at the threshold",
            first=getattr(one, name),
            second=getattr(other, name),
            difference=gained[name],
        )
        for name in ("sensitivity", "specificity")
    ]


def _as_scores(cases: Cases, threshold: float) -> Cases:
    flags = (cases.scores >= threshold).astype(np.float64)
    return Cases(truth=cases.truth, scores=flags, patients=cases.patients, rows=cases.rows)


def _sensitivity(curve: Curve) -> Values:
    return divided(curve.tp[:, :1] * (curve.scores[0] == 1.0), curve.positives)[:, 0]


def _specificity(curve: Curve) -> Values:
    return 1.0 - divided(curve.fp[:, :1] * (curve.scores[0] == 1.0), curve.negatives)[:, 0]


def _mcnemar(
    first: Cases, second: Cases, thresholds: list[float | None], positive: bool, independent: bool
) -> McNemar | None:
    from scipy.stats import binomtest

    low, high = thresholds
    own = first.truth == positive
    if low is None or high is None or not own.any():
        return None
    one = (first.scores[own] >= low) == positive
    other = (second.scores[own] >= high) == positive
    only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
    disagree = only_first + only_second
    p = 1.0 if disagree == 0 else float(binomtest(only_first, disagree).pvalue)
    return McNemar(only_first_right=only_first, only_second_right=only_second, p=p if independent else None)
