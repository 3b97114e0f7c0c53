"""Scores that mean what they say: two numbers for each label, fitted on a validation set.

A calibrated score is ``sigmoid(slope * logit(score) + offset)`` (Platt, Probabilistic outputs for support vector
machines, 1999). The ranking stays, so every AUC does. The two numbers go into the last layer of the network
(:func:`fold_into`): whoever serves it needs to know nothing of them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.errors import TrainingError
from hounsfield.model.evaluate.cases import Level, cases_of
from hounsfield.model.evaluate.extras import needs_train
from hounsfield.model.evaluate.scored import Scored

SMALLEST_SLOPE = 0.05
"""A label without any skill on the validation set would get none or less, and its ranking be lost or turned round."""
_CLOSEST = 1e-7
"""To 0 and to 1: beyond it float32 knows no difference."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Slope and offset for each label, in the scale of logits."""

    slope: tuple[float, ...]
    offset: tuple[float, ...]

    def apply(self, scores: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return calibrated scores; ``scores`` has shape (n, labels)."""
        moved = logit(scores) * np.array(self.slope) + np.array(self.offset)
        return np.asarray(1.0 / (1.0 + np.exp(-moved)), np.float32)


def logit(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return log(p / (1 - p)), finite at 0 and 1 too."""
    p = np.clip(np.asarray(scores, np.float64), _CLOSEST, 1.0 - _CLOSEST)
    return np.asarray(np.log(p) - np.log1p(-p))


def fit_calibration(scored: Scored, level: Level) -> Calibration:
    """Fit slope and offset of each label on a validation set; the truth of test cases has no place here.

    A label with positive cases only, or negative ones only, keeps its scores (1, 0). Raises MissingExtra without
    scikit-learn.
    """
    pairs = []
    for label in range(len(scored.labels)):
        cases = cases_of(scored, level, label)
        pairs.append(fit_platt(cases.truth, cases.scores) if cases.both else (1.0, 0.0))
    return Calibration(tuple(slope for slope, _ in pairs), tuple(offset for _, offset in pairs))


@needs_train
def fit_platt(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> tuple[float, float]:
    """Return slope and offset with the smallest log loss against Platt's targets, which hold them finite.

    With P positive cases their target is (P + 1) / (P + 2) instead of 1, with N negative ones 1 / (N + 2) instead of 0.
    """
    x, positives = logit(scores), int(truth.sum())
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (len(truth) - positives + 2))
    slope, offset = _logistic(x, target)
    if slope >= SMALLEST_SLOPE:
        return slope, offset
    return SMALLEST_SLOPE, _offset_only(SMALLEST_SLOPE * x, target)


def _logistic(x: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    # A target between 0 and 1 is a case that stands on both sides, with weights.
    both = np.concatenate([x, x])[:, None]
    side = np.repeat([1, 0], len(x))
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    model.fit(both, side, sample_weight=np.concatenate([target, 1.0 - target]))
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _offset_only(x: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    from scipy.optimize import brentq

    reach = float(np.abs(x).max()) + 30.0
    return float(brentq(lambda offset: float((1.0 / (1.0 + np.exp(-(x + offset))) - target).mean()), -reach, reach))


def fold_into(model: Any, layer_name: str, slope: tuple[float, ...], offset: tuple[float, ...]) -> None:
    """Change the weights of a Keras model so that the named layer answers with calibrated scores.

    The layer must be a Dense with a bias and a sigmoid, one unit for each label. Raises TrainingError otherwise.
    """
    layer = model.get_layer(layer_name)
    weights = layer.get_weights()
    activation = getattr(getattr(layer, "activation", None), "__name__", "")
    if len(weights) != 2 or weights[0].ndim != 2 or activation != "sigmoid":
        raise TrainingError(f"layer {layer_name!r} cannot be calibrated: it must be a Dense with bias and sigmoid")
    kernel, bias = weights
    if not len(bias) == len(slope) == len(offset):
        raise TrainingError(f"layer {layer_name!r} has {len(bias)} units, the calibration {len(slope)} labels")
    factor = np.asarray(slope, np.float64)
    layer.set_weights([kernel * factor, bias * factor + np.asarray(offset, np.float64)])
