"""Shares and their differences, with how sure they are."""

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and where it lies with the stated confidence."""

    value: float
    low: float
    high: float


def share(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return a share with its score interval (Wilson, JASA 22, 1927); ``trials`` is at least 1."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    value = successes / trials
    scale = 1 + z**2 / trials
    middle = (value + z**2 / (2 * trials)) / scale
    half = z / scale * math.sqrt(value * (1 - value) / trials + z**2 / (4 * trials**2))
    # rounding must not keep the ends from 0 and 1
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == trials else min(1.0, middle + half)
    return Interval(value, low, high)


def difference(before: Interval, now: Interval) -> Interval:
    """Return by how much a share has grown, from two of :func:`share` with one confidence.

    The hybrid score interval for two independent shares (Newcombe, Statistics in Medicine 17, 1998, method 10).
    """
    change = now.value - before.value
    low = change - math.hypot(now.value - now.low, before.high - before.value)
    high = change + math.hypot(now.high - now.value, before.value - before.low)
    return Interval(change, low, high)
