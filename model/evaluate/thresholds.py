"""Operating points for a wanted sensitivity, chosen on a validation set and fixed before anything is tested."""

from dataclasses import dataclass

import numpy as np

from hounsfield.model.evaluate.cases import Cases, Level, cases_of
from hounsfield.model.evaluate.scored import Scored

TARGET_SENSITIVITY = 0.95
_FEWEST_DECIMALS, _MOST_DECIMALS = 3, 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """One threshold for each label; a case at or above it is flagged. None: there was no positive case to choose by."""

    labels: tuple[str, ...]
    slices: tuple[float | None, ...]
    series: tuple[float | None, ...]
    origin: str
    """Where they come from, as a report says it."""

    def of(self, level: Level) -> tuple[float | None, ...]:
        """Return those of a level."""
        return self.slices if level is Level.SLICE else self.series


def choose_thresholds(scored: Scored, sensitivity: float = TARGET_SENSITIVITY, *, where: str = "") -> Thresholds:
    """Return for each label, slices and series, the highest threshold with at least this sensitivity.

    ``scored`` is the validation set, ``where`` what the report calls it. Never choose on the set that is reported on:
    the sensitivity of the test would no longer be measured but given.
    """
    count = range(len(scored.labels))
    named = f" ({where})" if where else ""
    return Thresholds(
        labels=scored.labels,
        slices=tuple(_of_cases(cases_of(scored, Level.SLICE, label), sensitivity) for label in count),
        series=tuple(_of_cases(cases_of(scored, Level.SERIES, label), sensitivity) for label in count),
        origin=f"chosen on a validation set{named} for a sensitivity of {sensitivity:g}",
    )


def _of_cases(cases: Cases, sensitivity: float) -> float | None:
    return threshold_at_sensitivity(cases, sensitivity) if cases.positives else None


def threshold_at_sensitivity(cases: Cases, sensitivity: float) -> float:
    """Return the highest threshold with at least this sensitivity on these cases.

    It lies halfway to the next score below, so that it does not hang on one case, with as few decimals as keep it
    there. Raises ValueError without positive cases or for a sensitivity outside (0, 1].
    """
    if not 0.0 < sensitivity <= 1.0:
        raise ValueError("a sensitivity lies above 0 and at most at 1")
    positive = np.sort(cases.scores[cases.truth])
    if len(positive) == 0:
        raise ValueError("a threshold for a sensitivity needs positive cases")
    may_miss = int(np.floor((1.0 - sensitivity) * len(positive) + 1e-9))
    lowest_flagged = float(positive[may_miss])
    below = cases.scores[cases.scores < lowest_flagged]
    return _between(float(below.max()) if len(below) else 0.0, lowest_flagged)


def _between(below: float, lowest_flagged: float) -> float:
    middle = (below + lowest_flagged) / 2
    for decimals in range(_FEWEST_DECIMALS, _MOST_DECIMALS + 1):
        rounded = round(middle, decimals)
        if below < rounded <= lowest_flagged:
            return rounded
    return lowest_flagged
