"""The population stability index: how far a distribution has moved from what it was.

Over bins i, with shares p_i in the baseline and q_i now, PSI = sum (q_i - p_i) ln(q_i / p_i): the symmetric divergence
of Jeffreys (1946), known from credit scoring (Siddiqi, Credit Risk Scorecards, 2006; "below 0.1 no change, above 0.25 a
large one" is a convention of that field).

Two samples of one population have a PSI too. It is distributed as (1/n + 1/m) times chi-square with (bins - 1) degrees
of freedom (Yurdakul and Naranjo, Journal of Risk Model Validation 14, 2020): with 200 and 100 cases in 10 bins 0.135 on
average, and above 0.25 one time in twenty without anything having changed. So two things are done: this expectation is
subtracted, and a PSI counts only where so much would be rare by chance (:attr:`Shift.is_significant`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Value = float | str | bool | None
"""A number, a category, or None where it is not known: what is not known has a bin of its own."""

BINS = 10
"""Deciles of the baseline. Categories: the most frequent ones, and one bin for all others."""
_HALF = 0.5
"""Added to each count: an empty bin would make the index infinite, and one stray case would make it large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How far one number has moved."""

    psi: float
    """Less what two samples of one population have on average; never below 0."""
    raw_psi: float
    chance: float
    """How likely a PSI as large as ``raw_psi`` is although nothing has moved."""

    def is_significant(self, false_alarms: float) -> bool:
        """Whether chance makes so large a PSI less often than ``false_alarms``."""
        return self.chance < false_alarms


def shift(baseline: Sequence[Value], now: Sequence[Value], bins: int = BINS) -> Shift:
    """Compare two samples of one number or category. Raise ValueError if one is empty."""
    if not baseline or not now:
        raise ValueError("two samples are needed")
    before, after = _counts(baseline, now, bins)
    used = (before + after) > 0
    return shift_of_counts(before[used], after[used])


def shift_of_counts(before: NDArray[np.integer], after: NDArray[np.integer]) -> Shift:
    """Compare two samples that are sorted into the same bins; each bin holds something of one of them."""
    n, m, bins = int(before.sum()), int(after.sum()), len(before)
    p = (before + _HALF) / (n + _HALF * bins)
    q = (after + _HALF) / (m + _HALF * bins)
    raw = float(((q - p) * np.log(q / p)).sum())
    scale, freedom = 1 / n + 1 / m, bins - 1
    return Shift(psi=max(0.0, raw - freedom * scale), raw_psi=raw, chance=chi_square_above(raw / scale, freedom))


def chi_square_above(value: float, freedom: int) -> float:
    """Return how likely chi-square is above ``value`` (Wilson and Hilferty, 1931: its cube root is nearly normal).

    Good to some hundredths of the quantile, which is enough for a rate of alarms; 1 without a degree of freedom.
    """
    if freedom < 1 or value <= 0:
        return 1.0
    spread = 2 / (9 * freedom)
    z = ((value / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return NormalDist().cdf(-z)


def _counts(
    baseline: Sequence[Value], now: Sequence[Value], bins: int
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Sort both samples into the bins of the baseline, what is not known into the last one."""
    if any(isinstance(one, bool | str) for one in (*baseline, *now)):
        return _category_counts(baseline, now, bins)
    before, after = _numbers(baseline), _numbers(now)
    edges = _edges(before[~np.isnan(before)], bins)
    return _number_counts(before, edges), _number_counts(after, edges)


def _numbers(values: Sequence[Value]) -> NDArray[np.float64]:
    found = np.array([math.nan if one is None else float(one) for one in values], np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def _edges(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Upper ends of bins, between quantiles of the baseline; a value that is often there is a bin of its own.

    Otherwise a thickness that is always 5 mm would have one bin for it and all below, and 2.5 mm would change nothing.
    """
    if not len(values):
        return values
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf"))
    often = [edge for edge in edges if np.count_nonzero(values == edge) * bins > len(values)]
    return np.unique(np.concatenate([edges, np.nextafter(often, -np.inf)]))


def _number_counts(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.integer]:
    known = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return np.append(counts, len(values) - len(known))


def _category_counts(
    baseline: Sequence[Value], now: Sequence[Value], bins: int
) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    texts = [[None if one is None else str(one) for one in sample] for sample in (baseline, now)]
    frequent: dict[str, int] = {}
    for text in texts[0]:
        if text is not None:
            frequent[text] = frequent.get(text, 0) + 1
    kept = sorted(frequent, key=lambda text: (-frequent[text], text))[: bins - 1]
    place = {text: number for number, text in enumerate(kept)}
    before, after = (
        np.bincount(
            [len(kept) + 1 if text is None else place.get(text, len(kept)) for text in sample], minlength=len(kept) + 2
        )
        for sample in texts
    )
    return before, after
