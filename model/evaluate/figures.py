"""All figures of a scored data set, label by label, for slices and for series."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.evaluate.bootstrap import (
    ROUNDS,
    Values,
    auroc,
    average_precision,
    estimates,
    patient_draws,
    specificity_at,
)
from hounsfield.model.evaluate.cases import Cases, Level, cases_of
from hounsfield.model.evaluate.metrics import Estimate
from hounsfield.model.evaluate.rates import PREVALENCES, OperatingFigures, operating_figures
from hounsfield.model.evaluate.reliability import Reliability, reliability, weighted_log_loss
from hounsfield.model.evaluate.scored import Scored
from hounsfield.model.evaluate.thresholds import Thresholds, threshold_at_sensitivity

FIXED_SENSITIVITIES = (0.90, 0.95)
FEWEST_OF_A_CLASS = 5
"""A group of cases with fewer positive or negative ones gets no AUC: its interval would span nearly everything."""
_UNNAMED = "not named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How figures are made."""

    rounds: int = ROUNDS
    """Of the bootstrap."""
    seed: int = 0
    prevalences: tuple[float, ...] = PREVALENCES


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedSensitivity:
    """What specificity remains at a sensitivity that is wanted.

    The threshold is read off the curve of these very cases: it describes the curve and is no operating point.
    """

    sensitivity: float
    threshold: float
    specificity: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFigures:
    """One label at one level. None: not defined on these cases."""

    label: str
    level: Level
    cases: int
    positives: int
    patients: int
    auroc: Estimate | None
    auprc: Estimate | None
    """Average precision; what a model without skill gets is the share of positive cases."""
    fixed: tuple[FixedSensitivity, ...]
    operating: OperatingFigures | None
    reliability: Reliability | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFigures:
    """The first label on a part of the cases: those of a scanner, or those of a subtype beside all negatives."""

    group: str
    level: Level
    cases: int
    positives: int
    auroc: Estimate | None
    """None with fewer than :data:`FEWEST_OF_A_CLASS` positive or negative cases."""
    sensitivity: Estimate | None
    specificity: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All figures."""

    slices: int
    series: int
    patients: int
    settings: Settings
    threshold_origin: str
    labels: tuple[LabelFigures, ...]
    """Series first, then slices; in the order of the labels."""
    slice_log_loss: Estimate | None
    """First label with double weight."""
    series_log_loss: Estimate | None
    subtypes: tuple[GroupFigures, ...]
    """How the first label does on each of the others."""
    scanners: tuple[GroupFigures, ...]

    def of(self, level: Level) -> tuple[LabelFigures, ...]:
        """Return the figures of a level."""
        return tuple(one for one in self.labels if one.level is level)


Tell = Callable[[int, int], None]
"""Called with steps done and steps in all."""


def evaluate(
    scored: Scored, thresholds: Thresholds, settings: Settings | None = None, tell: Tell | None = None
) -> Evaluation:
    """Return all figures at the given thresholds, which are never chosen here. Raises ValueError for other labels."""
    if thresholds.labels != scored.labels:
        raise ValueError("thresholds and scores must have the same labels")
    settings = settings or Settings()
    figures, work = [], [(level, label) for level in (Level.SERIES, Level.SLICE) for label in range(len(scored.labels))]
    for done, (level, label) in enumerate(work):
        figures.append(_label(scored, level, label, thresholds.of(level)[label], settings))
        if tell is not None:
            tell(done + 1, len(work))
    return Evaluation(
        slices=len(scored.names),
        series=len(scored.series_key),
        patients=len(np.unique(scored.patient)),
        settings=settings,
        threshold_origin=thresholds.origin,
        labels=tuple(figures),
        slice_log_loss=weighted_log_loss(scored, Level.SLICE, rounds=settings.rounds, seed=settings.seed),
        series_log_loss=weighted_log_loss(scored, Level.SERIES, rounds=settings.rounds, seed=settings.seed),
        subtypes=tuple(_groups(scored, thresholds, settings, _by_subtype)),
        scanners=tuple(_groups(scored, thresholds, settings, _by_scanner)),
    )


def _label(scored: Scored, level: Level, label: int, threshold: float | None, settings: Settings) -> LabelFigures:
    cases = cases_of(scored, level, label)
    draws = patient_draws(cases.patients, settings.rounds, settings.seed)
    wanted = {f"at {one:g}": specificity_at(one) for one in FIXED_SENSITIVITIES}
    curve = estimates(cases, {"auroc": auroc, "auprc": average_precision, **wanted}, draws)
    return LabelFigures(
        label=scored.labels[label],
        level=level,
        cases=len(cases.truth),
        positives=cases.positives,
        patients=len(np.unique(cases.patients)),
        auroc=curve["auroc"],
        auprc=curve["auprc"],
        fixed=_fixed(cases, curve),
        operating=_operating(cases, threshold, draws, settings.prevalences),
        reliability=reliability(cases),
    )


def _fixed(cases: Cases, curve: dict[str, Estimate | None]) -> tuple[FixedSensitivity, ...]:
    if not cases.both:
        return ()
    return tuple(
        FixedSensitivity(
            sensitivity=one, threshold=threshold_at_sensitivity(cases, one), specificity=curve[f"at {one:g}"]
        )
        for one in FIXED_SENSITIVITIES
    )


def _operating(
    cases: Cases, threshold: float | None, draws: Values, prevalences: Sequence[float]
) -> OperatingFigures | None:
    if threshold is None or len(cases.truth) == 0:
        return None
    return operating_figures(cases, threshold, draws, prevalences)


Grouping = Callable[[Scored, Level, Cases], list[tuple[str, NDArray[np.bool_]]]]


def _groups(scored: Scored, thresholds: Thresholds, settings: Settings, grouping: Grouping) -> list[GroupFigures]:
    figures = []
    for level in (Level.SERIES, Level.SLICE):
        cases = cases_of(scored, level, 0)
        for name, chosen in grouping(scored, level, cases):
            figures.append(_group(name, level, cases.only(chosen), thresholds.of(level)[0], settings))
    return figures


def _group(name: str, level: Level, cases: Cases, threshold: float | None, settings: Settings) -> GroupFigures:
    draws = patient_draws(cases.patients, settings.rounds, settings.seed)
    operating = _operating(cases, threshold, draws, ())
    enough = min(cases.positives, cases.negatives) >= FEWEST_OF_A_CLASS
    return GroupFigures(
        group=name,
        level=level,
        cases=len(cases.truth),
        positives=cases.positives,
        auroc=estimates(cases, {"auroc": auroc}, draws)["auroc"] if enough else None,
        sensitivity=operating.sensitivity if operating else None,
        specificity=operating.specificity if operating else None,
    )


def _by_subtype(scored: Scored, level: Level, cases: Cases) -> list[tuple[str, NDArray[np.bool_]]]:
    truth = (scored.truth if level is Level.SLICE else scored.series_truth)[cases.rows]
    groups = []
    for column, label in enumerate(scored.labels[1:], 1):
        own = cases.truth & (truth[:, column] >= 0.5)
        groups.append((label, own | ~cases.truth))
    return groups


def _by_scanner(scored: Scored, level: Level, cases: Cases) -> list[tuple[str, NDArray[np.bool_]]]:
    own = scored.scanner[scored.series[cases.rows] if level is Level.SLICE else cases.rows]
    return [(str(name) or _UNNAMED, own == name) for name in np.unique(own)]
