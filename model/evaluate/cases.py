"""The cases behind one figure: one label, slices or series, only those whose truth is known."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.evaluate.scored import Scored


class Level(StrEnum):
    """What a case is."""

    SLICE = "slice"
    SERIES = "series"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """Scores of one label beside its truth; c cases."""

    truth: NDArray[np.bool_]
    """(c,)."""
    scores: NDArray[np.float64]
    """(c,), in [0, 1]."""
    patients: NDArray[np.intp]
    """(c,): number of the patient, from 0. What is drawn together in a bootstrap."""
    rows: NDArray[np.intp]
    """(c,): row of each case in the scored data set, among slices or among series."""

    @property
    def positives(self) -> int:
        """How many are positive."""
        return int(self.truth.sum())

    @property
    def negatives(self) -> int:
        """How many are negative."""
        return len(self.truth) - self.positives

    @property
    def both(self) -> bool:
        """Whether there are positive and negative ones; a curve needs both."""
        return self.positives > 0 and self.negatives > 0

    def only(self, chosen: NDArray[np.bool_]) -> "Cases":
        """Return the chosen ones."""
        return Cases(**{name: getattr(self, name)[chosen] for name in Cases.__slots__})


def cases_of(scored: Scored, level: Level, label: int) -> Cases:
    """Return the cases of a label (by its place) whose truth is known."""
    truth, scores = truth_and_scores(scored, level)
    rows = np.flatnonzero(np.isfinite(truth[:, label]))
    numbers = np.unique(scored.patient, return_inverse=True)[1]
    series = scored.series[rows] if level is Level.SLICE else rows
    return Cases(
        truth=truth[rows, label] >= 0.5,
        scores=scores[rows, label].astype(np.float64),
        patients=numbers[series],
        rows=rows,
    )


def truth_and_scores(scored: Scored, level: Level) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return both tables of a level, (cases, labels) each; NaN in the truth where nothing is known."""
    if level is Level.SLICE:
        return scored.truth, scored.scores
    return scored.series_truth, scored.series_scores
