"""Whether values that are said to be HU look like HU of a head: a wrong intercept must not reach a model."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SAMPLED: Final = 9
_BONE_HU: Final = 250.0
_SOFT_HU: Final = (-20.0, 100.0)
_AIR_HU: Final = (-1100.0, -850.0)
_EMPTY_HU: Final = -400.0
_LEAST_SOFT: Final = 0.4
_LEAST_AIR_SHARE: Final = 0.02


def hu_plausible(hu_slices: Sequence[NDArray[np.floating]]) -> bool:
    """Whether air lies near -1000 HU and soft tissue inside the skull near 0 to 80 HU.

    ``hu_slices`` are (rows, columns) HU from the feet to the head with padding at -1024; a few of them, from the
    middle upwards (the skull base is mostly bone and air), are looked at. False for an empty series.
    """
    count = len(hu_slices)
    if not count:
        return False
    chosen = sorted({round(k) for k in np.linspace(0.35 * (count - 1), 0.85 * (count - 1), _SAMPLED)})
    sample = [np.asarray(hu_slices[k])[::2, ::2] for k in chosen]
    soft = [fraction for one in sample if (fraction := _soft_inside(one)) is not None]
    return bool(soft) and float(np.median(soft)) >= _LEAST_SOFT and all(_air_plausible(one) for one in sample)


def _soft_inside(hu: NDArray[np.floating]) -> float | None:
    """Share of soft tissue in the middle of what the skull encloses; None without bone."""
    rows, columns = np.nonzero(hu > _BONE_HU)
    if rows.size < 20:
        return None
    # percentiles, since a head rest or a tube beside the head must not move the middle
    top, bottom = np.percentile(rows, (5, 95))
    left, right = np.percentile(columns, (5, 95))
    height, width = bottom - top, right - left
    middle = hu[
        int(top + 0.3 * height) : int(top + 0.7 * height) + 1, int(left + 0.3 * width) : int(left + 0.7 * width) + 1
    ]
    return float(np.mean((middle >= _SOFT_HU[0]) & (middle <= _SOFT_HU[1])))


def _air_plausible(hu: NDArray[np.floating]) -> bool:
    """What is empty around the head must be air; a field of view without air says nothing."""
    empty = hu[(hu < _EMPTY_HU) & (hu != -1024.0)]
    if empty.size < _LEAST_AIR_SHARE * hu.size:
        return True
    return _AIR_HU[0] <= float(np.median(empty)) <= _AIR_HU[1]
