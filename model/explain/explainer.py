"""Explains the slices that are shown: an attribution over the tensor, put back into the pixels of the slice."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.errors import ExplanationError
from hounsfield.model.explain.attribution import Attribution
from hounsfield.model.explain.gradient import InputGradient
from hounsfield.model.explain.heatmap import Heatmap, in_slice, trace
from hounsfield.model.explain.hires_cam import HiResCam
from hounsfield.model.explain.occlusion import Occlusion
from hounsfield.model.predictor import Predictor
from hounsfield.model.preprocess.steps import Step


class Explainer(Protocol):
    """Makes heatmaps of one bundle's scores."""

    @property
    def method(self) -> str:
        """How, in a word or two."""

    def explain(
        self,
        hu: NDArray[np.floating | np.integer],
        spacing_mm: tuple[float, float],
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> Heatmap:
        """Return what the score of a slice rests on, for the first label of the manifest.

        ``hu`` is what the model was shown, (rows, columns) HU; ``shift`` is how far the slice had been moved in its
        plane for that, and the heatmap is that of the slice before it. Raises ExplanationError where there is none.
        """


@dataclass(frozen=True, slots=True)
class SliceExplainer:
    """An attribution behind the steps of a preprocessing."""

    steps: tuple[Step, ...]
    attribution: Attribution

    @property
    def method(self) -> str:
        """That of the attribution."""
        return self.attribution.method

    def explain(
        self,
        hu: NDArray[np.floating | np.integer],
        spacing_mm: tuple[float, float],
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> Heatmap:
        """Attribute, and lead back. Raises ExplanationError also where nothing in the slice raised its score."""
        traced = trace(self.steps, hu, spacing_mm)
        if traced.extent is None:
            raise ExplanationError("a step of the preprocessing leads back to no rectangle of the slice")
        heat = self.attribution.heat(traced.tensor)
        if not np.all(np.isfinite(heat)):
            raise ExplanationError(f"{self.method} gave numbers that are not finite")
        found = in_slice(heat, traced.extent, hu.shape, shift)
        if not found.any():
            raise ExplanationError("nothing in the slice raised its score")
        return found


MOST_SECONDS = 2.0
"""A heatmap that makes a result wait for longer is worth less than the wait."""
_WAYS: tuple[Callable[[Predictor], Attribution], ...] = (HiResCam.of, InputGradient.of, Occlusion.of)


def explainer_for(predictor: Predictor, clock: Callable[[], float] = time.perf_counter) -> Explainer:
    """Return the best explainer that a loaded model allows, warm.

    The maps of a Keras model's last layers, else the gradient at its input, else what covering parts of the slice
    does to the score. Raises ExplanationError if none of them works, or takes more than two seconds a slice.
    """
    blank = np.zeros(predictor.bundle.manifest.input.shape, np.float32)
    said: list[str] = []
    for way in _WAYS:
        try:
            attribution = way(predictor)
            attribution.heat(blank)
            started = clock()
            attribution.heat(blank)
        except ExplanationError as error:
            said.append(str(error))
            continue
        if clock() - started <= MOST_SECONDS:
            return SliceExplainer(tuple(predictor.bundle.manifest.preprocessing.steps), attribution)
        said.append(f"{attribution.method} takes more than {MOST_SECONDS:.0f} s a slice")
    raise ExplanationError("; ".join(said))
