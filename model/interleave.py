"""How the slices of a series are given to a sequence network: at the distances it knows.

A series of 0.6 mm steps means nothing to a network that learned on 5 mm. It is read as several coarser series that lie
between each other: every slice is scored, in the one it belongs to, and the series has the mean of their scores.
"""

import math
import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.series_scores import Rows

_NEARLY = 0.99
"""Steps as they are measured are not round: 2 x 2.499 mm are 5 mm."""


def stride_of(steps_mm: Sequence[float], smallest_mm: float) -> int:
    """Return the smallest k for which every k-th slice lies at least ``smallest_mm`` from the one before it.

    ``steps_mm`` are the n - 1 distances of neighbours; their median counts. Never more than n.
    """
    usual = statistics.median(steps_mm) if steps_mm else 0.0
    if usual <= 0.0:
        return 1
    return min(max(math.ceil(_NEARLY * smallest_mm / usual), 1), len(steps_mm) + 1)


def sequences_of(vectors: NDArray[np.floating], steps_mm: Sequence[float], smallest_mm: float) -> tuple[Rows, ...]:
    """Return what a sequence network reads of a series: one (m, d + 1) for each of the k interleaved series.

    ``vectors`` is (n, d), at least one, in volume order; ``steps_mm`` the n - 1 distances of neighbours. Slice j
    stands in row ``j // k`` of sequence ``j % k``. Raises ValueError for another number of steps.
    """
    if len(steps_mm) != len(vectors) - 1:
        raise ValueError(f"{len(vectors)} slices have {len(vectors) - 1} steps, not {len(steps_mm)}")
    heights = np.concatenate([[0.0], np.cumsum(steps_mm)])
    stride = stride_of(steps_mm, smallest_mm)
    return tuple(_rows(vectors[first::stride], heights[first::stride]) for first in range(stride))


def put_back(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return (n, L) in volume order from the (m, L) of each of the k interleaved series."""
    together = np.empty((sum(map(len, parts)), parts[0].shape[1]), np.float32)
    for first, part in enumerate(parts):
        together[first :: len(parts)] = part
    return together


def _rows(vectors: NDArray[np.floating], heights: NDArray[np.float64]) -> Rows:
    steps = np.diff(heights, prepend=heights[:1])
    return np.concatenate([vectors, steps[:, None]], axis=1).astype(np.float32)
