"""The cases that the model gets most wrong, to be looked at."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.evaluate.cases import Level, cases_of
from hounsfield.model.evaluate.scored import Scored

SHOWN = 8
_NAME_DIGITS = 8


@dataclass(frozen=True, slots=True)
class WorstCase:
    """One slice, by its row in the prepared data set; its file's name may tell whose it is and is only hashed."""

    row: int
    score: float
    name: str
    """The first digits of the sha256 of its file's name."""


@dataclass(frozen=True, slots=True)
class WorstCases:
    """Of the first label, the worst first; one slice of each series."""

    missed: tuple[WorstCase, ...]
    """Positive slices below the threshold with the lowest scores."""
    raised: tuple[WorstCase, ...]
    """Other slices at or above it with the highest."""


def worst_cases(scored: Scored, slice_threshold: float | None, count: int = SHOWN) -> WorstCases:
    """Return the worst slices whose truth is known; none without a threshold."""
    if slice_threshold is None:
        return WorstCases((), ())
    cases = cases_of(scored, Level.SLICE, 0)
    flagged = cases.scores >= slice_threshold
    order = np.argsort(cases.scores, kind="stable")
    missed = order[(cases.truth & ~flagged)[order]]
    raised = order[::-1][(~cases.truth & flagged)[order[::-1]]]
    return WorstCases(
        missed=_first_of_series(scored, cases.rows[missed], count),
        raised=_first_of_series(scored, cases.rows[raised], count),
    )


def _first_of_series(scored: Scored, rows: NDArray[np.intp], count: int) -> tuple[WorstCase, ...]:
    first = np.sort(np.unique(scored.series[rows], return_index=True)[1])[:count]
    return tuple(
        WorstCase(row=int(row), score=float(scored.scores[row, 0]), name=_hashed(str(scored.names[row])))
        for row in rows[first]
    )


def _hashed(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:_NAME_DIGITS]
