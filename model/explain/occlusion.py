"""Covering parts of a slice, one after the other: for models that can only be asked."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.errors import ExplanationError, InferenceError
from hounsfield.model.explain.heatmap import Heat
from hounsfield.model.predictor import Predictor
from hounsfield.model.series_scores import InSequence

CELLS = 8
"""Along each side: as many slices as the square of it are scored for one heatmap."""
_SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class Occlusion:
    """How much the log odds fall when a place and its surroundings are covered with the mean of the slice."""

    scores: Callable[[list[NDArray[np.float32]], InSequence | None], NDArray[np.float32]]
    """Of tensors, (n,)."""
    batch: int
    method: str = "occlusion"

    @classmethod
    def of(cls, predictor: Predictor) -> "Occlusion":
        """Use the predictor as it is."""
        return cls(lambda tensors, among: predictor.score_tensors(tensors, among)[:, 0], predictor.batch)

    def heat(self, tensor: NDArray[np.float32], among: InSequence | None = None) -> Heat:
        """Score the tensor whole and covered."""
        covered = [tensor, *(_covered(tensor, row, column) for row in range(CELLS) for column in range(CELLS))]
        try:
            parts = [self.scores(covered[k : k + self.batch], among) for k in range(0, len(covered), self.batch)]
        except InferenceError as error:
            raise ExplanationError("the model does not answer for a slice that is partly covered") from error
        scores = np.clip(np.concatenate(parts).astype(np.float64), _SMALLEST, 1.0 - _SMALLEST)
        odds = np.log(scores) - np.log1p(-scores)
        heat: Heat = (odds[0] - odds[1:]).reshape(CELLS, CELLS)
        return heat


def _covered(tensor: NDArray[np.float32], row: int, column: int) -> NDArray[np.float32]:
    """Cover one cell and half a cell around it."""
    out = tensor.copy()
    (top, bottom), (left, right) = (
        (max(round((at - 0.5) * side / CELLS), 0), round((at + 1.5) * side / CELLS))
        for at, side in zip((row, column), tensor.shape, strict=False)
    )
    out[top:bottom, left:right] = tensor.mean((0, 1))
    return out
