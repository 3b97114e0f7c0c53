"""Which slices are shown: the explainer makes heatmaps of the same ones."""

from collections.abc import Sequence

import numpy as np

SHOWN = 4


def top_slices(scores: Sequence[float]) -> tuple[int, ...]:
    """Return the slices with the highest scores (indices from 0), in the order of the volume."""
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")[:SHOWN]
    return tuple(int(i) for i in np.sort(order))


def even_slices(count: int) -> tuple[int, ...]:
    """Return slices (indices from 0) evenly through a volume of ``count``, for want of scores."""
    if count < 1:
        return ()
    return tuple(int(i) for i in np.unique(np.linspace(0, count - 1, min(SHOWN, count)).round()))
