"""Heatmaps of the slices that a page will show. A picture is not worth an attempt: what cannot be made is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from hounsfield.model.aggregation import Scores
from hounsfield.model.errors import ExplanationError
from hounsfield.model.explain import Explainer, Heatmap
from hounsfield.model.findings import Analysis
from hounsfield.model.page.choice import top_slices
from hounsfield.model.pixels import Hu
from hounsfield.model.resample import Resampling

log = structlog.get_logger("hounsfield.worker")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the model was shown of a series, and its answers."""

    slices_hu: Sequence[Hu]
    spacing_mm: Sequence[tuple[float, float]]
    """Of each slice."""
    resampling: Resampling | None
    """None: the slices as they are."""
    answers: Scores
    """One row for each slice that it was shown."""


def explained(explainer: Explainer, analysis: Analysis, seen: Seen) -> Mapping[int, Heatmap]:
    """Return heatmaps by the place of their slice in the volume, in the pixels of that slice as it was received."""
    if analysis.finding is None:
        return {}
    found: dict[int, Heatmap] = {}
    for place in top_slices([one.score for one in analysis.finding.slices]):
        try:
            found[place] = _heatmap(explainer, seen, place)
        except ExplanationError as error:
            log.info("a slice gets no heatmap", error=str(error))
    return found


def _heatmap(explainer: Explainer, seen: Seen, place: int) -> Heatmap:
    """Explain the very image whose score the slice was given."""
    if seen.resampling is None:
        return explainer.explain(seen.slices_hu[place], seen.spacing_mm[place])
    number = seen.resampling.of_source(place, seen.answers)
    if number is None:
        raise ExplanationError("the slice was not shown to the model; it has the score of its neighbour")
    image = seen.resampling.image(number, seen.slices_hu)
    return explainer.explain(image, seen.spacing_mm[place], seen.resampling.shift(number))
