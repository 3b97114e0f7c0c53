"""What stands in the place of a predictor: classes that only say how they score slices."""

from collections.abc import Iterable, Sequence

import numpy as np

from hounsfield.model.predictor import Predictor
from hounsfield.model.series_scores import SeriesScores


def slice_scores(
    predictor: Predictor, hu_slices: Iterable[np.ndarray], spacing_mm: Sequence[tuple[float, float]]
) -> np.ndarray:
    """Return float32 (slices, labels) of a model that does not care where slices lie."""
    return predictor.analyse(hu_slices, spacing_mm, [1.0] * (len(spacing_mm) - 1)).slices


class SliceScorer:
    """Answers for a series with the scores of its slices, and the highest of them."""

    device = "/device:FAKE:0"

    def runtime_facts(self) -> dict[str, str]:
        return {"device": self.device}

    def score(self, hu_slices: Iterable[np.ndarray], spacing_mm: Sequence[tuple[float, float]]) -> np.ndarray:
        """Answer for each slice, float32 (slices, labels)."""
        raise NotImplementedError

    def analyse(
        self, hu_slices: Iterable[np.ndarray], spacing_mm: Sequence[tuple[float, float]], steps_mm: Sequence[float]
    ) -> SeriesScores:
        assert len(steps_mm) == len(spacing_mm) - 1
        slices = self.score(hu_slices, spacing_mm)
        return SeriesScores(slices=slices, series=slices.max(axis=0))
