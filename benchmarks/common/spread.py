"""What several rounds saw of one figure: its median, and between which values it lay."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, smallest and largest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Make it of one value or more. Raises ValueError for none."""
        if not values:
            raise ValueError("nothing was measured")
        return cls(median(values), min(values), max(values))

    @classmethod
    def ratio(cls, ours: Sequence[float], theirs: Sequence[float]) -> Self:
        """Make it of the ratios ours / theirs, round by round: a slow moment of the machine hits both.

        Where one of them has more rounds the others are left out. Raises ValueError for none.
        """
        return cls.of([one / other for one, other in zip(ours, theirs, strict=False) if other])


def shown(value: float) -> str:
    """Return a number with as many digits as it deserves: three that count, thousands marked."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 0.1 or value == 0:
        return f"{value:.2f}"
    return f"{value:.3f}" if size >= 0.001 else f"{value:.1e}"


def shown_spread(value: Spread) -> str:
    """Return the median, and where rounds differed the smallest and the largest behind it."""
    middle, low, high = shown(value.median), shown(value.low), shown(value.high)
    return middle if low == high else f"{middle} ({low} to {high})"
