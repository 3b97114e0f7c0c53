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
from hounsfield.model.series_scores import InSequence

Slice = NDArray[np.floating | np.integer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What the model saw of a series when it scored one of its slices."""

    below: tuple[Slice, ...] = ()
    """HU of the slices that stand in the channels before it, lowest first."""
    above: tuple[Slice, ...] = ()
    among: InSequence | None = None
    """Its place among those that the sequence network read."""


ALONE = Beside()


class Explainer(Protocol):
    """Makes heatmaps of one bundle's scores."""

    @property
    def method(self) -> str:
        """How, in a word or two."""

    def explain(
        self,
        hu: Slice,
        spacing_mm: tuple[float, float],
        shift: tuple[float, float] = (0.0, 0.0),
        beside: Beside = ALONE,
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
        hu: Slice,
        spacing_mm: tuple[float, float],
        shift: tuple[float, float] = (0.0, 0.0),
        beside: Beside = ALONE,
    ) -> Heatmap:
        """Attribute, and lead back. Raises ExplanationError also where nothing in the slice raised its score."""
        traced = trace(self.steps, hu, spacing_mm)
        if traced.extent is None:
            raise ExplanationError("a step of the preprocessing leads back to no rectangle of the slice")
        below = [trace(self.steps, one, spacing_mm).tensor for one in beside.below]
        above = [trace(self.steps, one, spacing_mm).tensor for one in beside.above]
        tensor = np.concatenate([*below, traced.tensor, *above], axis=-1)
        heat = self.attribution.heat(tensor, beside.among)
        if not np.all(np.isfinite(heat)):
            raise ExplanationError(f"{self.method} gave numbers that are not finite")
        found = in_slice(heat, traced.extent, hu.shape, shift)
        if not found.any():
            raise ExplanationError("nothing in the slice raised its score")
        return found


MOST_SECONDS = 2.0
"""A heatmap that makes a result wait for longer is worth less than the wait."""
USUAL_SERIES = 40
"""Slices of the series in which a sequence network is timed."""
_WAYS: tuple[Callable[[Predictor], Attribution], ...] = (HiResCam.of, InputGradient.of, Occlusion.of)


def explainer_for(predictor: Predictor, clock: Callable[[], float] = time.perf_counter) -> Explainer:
    """Return the best explainer that a loaded model allows, warm.

    The maps of a Keras model's last layers, else the gradient at its input, else what covering parts of the slice
    does to the score. Raises ExplanationError if none of them works, or takes more than two seconds a slice.
    """
    blank = np.zeros(predictor.bundle.manifest.input.shape, np.float32)
    among = predictor.blank_series(USUAL_SERIES)
    said: list[str] = []
    for way in _WAYS:
        try:
            attribution = way(predictor)
            attribution.heat(blank, among)
            started = clock()
            attribution.heat(blank, among)
        except ExplanationError as error:
            said.append(str(error))
            continue
        if clock() - started <= MOST_SECONDS:
            return SliceExplainer(tuple(predictor.bundle.manifest.preprocessing.steps), attribution)
        said.append(f"{attribution.method} takes more than {MOST_SECONDS:.0f} s a slice")
    raise ExplanationError("; ".join(said))
