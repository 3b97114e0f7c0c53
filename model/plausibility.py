"""Whether values that are said to be HU look like HU of a head: a wrong intercept must not reach a model."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SAMPLED: Final = 9
_EDGE_HU: Final = 250.0
"""Above it lies the skull, for finding what it encloses."""
_BONE_HU: Final = (300.0, 3000.0)
_SOFT_HU: Final = (-20.0, 100.0)
_AIR_HU: Final = (-1100.0, -850.0)
_EMPTY_HU: Final = -400.0
_LEAST_SOFT: Final = 0.4
_LEAST_AIR_SHARE: Final = 0.02
_LEAST_BONE_SHARE: Final = 0.002
"""Of all pixels of a slice: a skull of 5 mm in a field of view of 500 mm has three times as much."""

_BODY_HU: Final = -300.0
_LEAST_BODY_SHARE: Final = 0.05
_UNIFORM_HU: Final = 60.0
"""Either side of the median."""
_LEAST_UNIFORM: Final = 0.9
"""Of a body; the heads that were measured, real and drawn, have 0.83 at most, a water phantom 0.99."""
_MOST_BONE: Final = 0.02
"""Of a phantom's body; heads have 0.1 and more."""

_Slice = NDArray[np.floating]


def hu_problem(hu_slices: Sequence[_Slice]) -> str | None:
    """Say which of air, soft tissue and bone is not where it is in a head; None if all are.

    ``hu_slices`` are (rows, columns) HU from the feet to the head with padding at -1024; a few of them, from the
    middle upwards (the skull base is mostly bone and air), are looked at. The answer is a sentence for a report.
    """
    sample = _sample(hu_slices)
    if not sample:
        return "There are no slices to look at."
    for one in sample:
        if (air := _air(one)) is not None and not _AIR_HU[0] <= air <= _AIR_HU[1]:
            return f"The air around the head measures {air:.0f} HU instead of about -1000 HU."
    soft = [share for one in sample if (share := _soft_inside(one)) is not None]
    bone = [one[one > _BONE_HU[0]] for one in sample]
    if (
        not soft
        or np.median([part.size / one.size for part, one in zip(bone, sample, strict=True)]) < _LEAST_BONE_SHARE
    ):
        return f"There is no skull: hardly any value above {_BONE_HU[0]:.0f} HU."
    if (peak := float(np.median([np.median(part) for part in bone if part.size]))) > _BONE_HU[1]:
        return f"Bone measures {peak:.0f} HU, more than the {_BONE_HU[1]:.0f} HU that bone can have."
    if float(np.median(soft)) < _LEAST_SOFT:
        return f"Inside the skull there is no soft tissue between {_SOFT_HU[0]:.0f} and {_SOFT_HU[1]:.0f} HU."
    return None


def phantom_content(hu_slices: Sequence[_Slice]) -> bool:
    """Whether the slices show a uniform body without bone, as a water or solid phantom is, and no head.

    ``hu_slices`` as for :func:`hu_problem`. Phantoms with bone-like inserts or with a skull are not recognised.
    """
    bodies = [body for one in _sample(hu_slices) if (body := one[one > _BODY_HU]).size >= _LEAST_BODY_SHARE * one.size]
    return bool(bodies) and all(
        np.mean(body > _BONE_HU[0]) <= _MOST_BONE
        and np.mean(np.abs(body - np.median(body)) <= _UNIFORM_HU) >= _LEAST_UNIFORM
        for body in bodies
    )


def looked_at(count: int) -> list[int]:
    """Return which of ``count`` slices are looked at, ascending."""
    return sorted({round(k) for k in np.linspace(0.35 * (count - 1), 0.85 * (count - 1), _SAMPLED)}) if count else []


def _sample(hu_slices: Sequence[_Slice]) -> list[_Slice]:
    return [np.asarray(hu_slices[k])[::2, ::2] for k in looked_at(len(hu_slices))]


def _soft_inside(hu: _Slice) -> float | None:
    """Share of soft tissue in the middle of what the skull encloses; None without bone."""
    rows, columns = np.nonzero(hu > _EDGE_HU)
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


def _air(hu: _Slice) -> float | None:
    """Median HU of what is empty around the head; None for a field of view without air, which says nothing."""
    empty = hu[(hu < _EMPTY_HU) & (hu != -1024.0)]
    return float(np.median(empty)) if empty.size >= _LEAST_AIR_SHARE * hu.size else None
