"""Scores beside the truth: what every figure of an evaluation is made from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Truth = NDArray[np.float32]
"""1, 0, or NaN where nothing is known: such a case counts nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A scored data set: n slices, m series, L labels; the first label is the one that decides."""

    labels: tuple[str, ...]
    truth: Truth
    """(n, L)."""
    scores: NDArray[np.float32]
    """(n, L)."""
    series: NDArray[np.int32]
    """(n,): row of the series of each slice."""
    names: NDArray[np.str_]
    """(n,): file of each slice."""
    series_key: NDArray[np.str_]
    """(m,)."""
    series_truth: Truth
    """(m, L)."""
    series_scores: NDArray[np.float32]
    """(m, L)."""
    patient: NDArray[np.str_]
    """(m,): bootstrap draws whole patients."""
    scanner: NDArray[np.str_]
    """(m,): may be empty."""
