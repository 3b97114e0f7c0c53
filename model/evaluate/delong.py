"""The test of DeLong for two correlated areas under the curve.

DeLong et al., Comparing the areas under two or more correlated receiver operating characteristic curves, Biometrics
44 (1988); in the linear-logarithmic way of Sun and Xu, Fast implementation of DeLong's algorithm, IEEE Signal
Processing Letters 21 (2014). It takes cases as independent: one case for each patient.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.evaluate.extras import needs_train
from hounsfield.model.evaluate.metrics import Estimate

_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class DeLong:
    """Two areas, their difference and how likely one so large is if they do not differ."""

    first: float
    second: float
    difference: Estimate
    """Second minus first, with the 95 % interval of a normal distribution."""
    p: float
    """Two-sided; 1 if both rank alike."""


@needs_train
def delong(truth: NDArray[np.bool_], first: NDArray[np.floating], second: NDArray[np.floating]) -> DeLong:
    """Compare two scores of the same cases. Raises ValueError with fewer than two of either class."""
    from scipy.stats import norm

    positives, negatives = int(truth.sum()), int((~truth).sum())
    if min(positives, negatives) < 2:
        raise ValueError("the test of DeLong needs two positive and two negative cases")
    areas, of_positives, of_negatives = _placements(truth, np.stack([first, second]))
    covariance = np.cov(of_positives) / positives + np.cov(of_negatives) / negatives
    deviation = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    change = float(areas[1] - areas[0])
    p = float(2 * norm.sf(abs(change) / deviation)) if deviation > 0 else float(change == 0)
    return DeLong(
        first=float(areas[0]),
        second=float(areas[1]),
        difference=Estimate(change, change - _Z95 * deviation, change + _Z95 * deviation),
        p=p,
    )


def _placements(
    truth: NDArray[np.bool_], scores: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return areas (2,), and for each positive the share of negatives below it, for each negative that of positives
    above it, ties half: from midranks among all and among their own."""
    from scipy.stats import rankdata

    positives, negatives = int(truth.sum()), int((~truth).sum())
    among_all = rankdata(scores, axis=1)
    of_positives = (among_all[:, truth] - rankdata(scores[:, truth], axis=1)) / negatives
    of_negatives = 1.0 - (among_all[:, ~truth] - rankdata(scores[:, ~truth], axis=1)) / positives
    return of_positives.mean(axis=1), of_positives, of_negatives
