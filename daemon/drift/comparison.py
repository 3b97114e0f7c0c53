"""One bundle on one scanner, compared with what it was: pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hounsfield.daemon.config.drift import DriftSettings
from hounsfield.model.drift.names import INPUTS
from hounsfield.model.drift.rates import Interval, difference, share
from hounsfield.model.drift.stability import Shift, Value, shift
from hounsfield.storage.analysis_facts import FactRecord, Pair
from hounsfield.storage.states import Outcome

LEAST_WINDOW = 30
"""With fewer analyses after the baseline nothing is said."""
ALARM_BY_CHANCE = 0.001
"""At most so often an alarm is raised although nothing has moved, over all numbers of a comparison together."""
WATCH_BY_CHANCE = 0.01
_SURE = 0.999
"""Confidence with which the positive rate must have changed to be worth a look."""


class Level(StrEnum):
    """How far a bundle on a scanner is from what it was."""

    LEARNING = "learning"
    """There is not enough to compare yet."""
    STABLE = "stable"
    WATCH = "watch"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """How one score or input has moved."""

    name: str
    shift: Shift
    level: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The analyses on one side of a comparison."""

    analyses: int
    positive: int
    first_at: datetime
    last_at: datetime

    @property
    def rate(self) -> Interval:
        """Share of flagged series with its 95 % interval."""
        return share(self.positive, self.analyses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A pair and how it compares with itself."""

    pair: Pair
    level: Level
    chosen: bool = False
    """The baseline was set by a person."""
    baseline: Span | None = None
    window: Span | None = None
    scores: tuple[Movement, ...] = ()
    """By label, the deciding one first."""
    inputs: tuple[Movement, ...] = ()
    rate_change: Interval | None = None
    """By how much the positive rate has grown, with its 95 % interval."""

    @property
    def score(self) -> Movement | None:
        """The score that has moved most."""
        return _worst(self.scores)

    @property
    def input(self) -> Movement | None:
        """The input that has moved most."""
        return _worst(self.inputs)


def compare(
    pair: Pair, baseline: Sequence[FactRecord], window: Sequence[FactRecord], settings: DriftSettings, *, chosen: bool
) -> Drift:
    """Compare the last analyses of a pair with its baseline; both are in the order of their times."""
    least = min(LEAST_WINDOW, settings.window_series)
    if len(baseline) < (least if chosen else settings.baseline_series) or len(window) < least:
        return Drift(pair=pair, level=Level.LEARNING, chosen=chosen, baseline=_span(baseline), window=_span(window))
    labels = [label for label in window[-1].scores if label in baseline[0].scores]
    judge = _Judge(settings, len(labels) + len(INPUTS))
    scores = tuple(judge.movement(label, baseline, window, _score_of(label)) for label in labels)
    inputs = tuple(judge.movement(name, baseline, window, _input_of(name)) for name in INPUTS)
    before, now = flagged(baseline), flagged(window)
    sure = _rate_change(before, now, _SURE)
    moved = Level.WATCH if sure.low > 0 or sure.high < 0 else Level.STABLE
    return Drift(
        pair=pair,
        level=_highest([*(one.level for one in (*scores, *inputs)), moved]),
        chosen=chosen,
        baseline=_span(baseline),
        window=_span(window),
        scores=scores,
        inputs=inputs,
        rate_change=_rate_change(before, now, 0.95),
    )


def score_shift(baseline: Sequence[FactRecord], window: Sequence[FactRecord]) -> Shift:
    """Return how far the score of the deciding label has moved; neither side is empty."""
    value = _score_of(next(iter(window[-1].scores), ""))
    return shift([value(one) for one in baseline], [value(one) for one in window])


@dataclass(frozen=True, slots=True)
class _Judge:
    settings: DriftSettings
    numbers: int
    """That are compared: each may raise a false alarm that much less often (Bonferroni)."""

    def movement(
        self,
        name: str,
        baseline: Sequence[FactRecord],
        window: Sequence[FactRecord],
        value: Callable[[FactRecord], Value],
    ) -> Movement:
        found = shift([value(one) for one in baseline], [value(one) for one in window])
        return Movement(name=name, shift=found, level=self._level(found))

    def _level(self, found: Shift) -> Level:
        if found.psi >= self.settings.alarm_psi and found.is_significant(ALARM_BY_CHANCE / self.numbers):
            return Level.ALARM
        if found.psi >= self.settings.watch_psi and found.is_significant(WATCH_BY_CHANCE / self.numbers):
            return Level.WATCH
        return Level.STABLE


def _score_of(label: str) -> Callable[[FactRecord], Value]:
    return lambda fact: fact.scores.get(label)


def _input_of(name: str) -> Callable[[FactRecord], Value]:
    return lambda fact: fact.inputs.get(name)


def flagged(facts: Sequence[FactRecord]) -> tuple[int, int]:
    """Return how many of the analyses are flagged, and how many there are."""
    return sum(fact.outcome is Outcome.POSITIVE for fact in facts), len(facts)


def _rate_change(before: tuple[int, int], now: tuple[int, int], confidence: float) -> Interval:
    return difference(share(*before, confidence), share(*now, confidence))


def _span(facts: Sequence[FactRecord]) -> Span | None:
    if not facts:
        return None
    positive, analyses = flagged(facts)
    return Span(analyses=analyses, positive=positive, first_at=facts[0].at, last_at=facts[-1].at)


def _worst(movements: Sequence[Movement]) -> Movement | None:
    return max(movements, key=lambda one: (_ORDER.index(one.level), one.shift.psi), default=None)


def _highest(levels: Sequence[Level]) -> Level:
    return max(levels, key=_ORDER.index)


_ORDER = tuple(Level)
