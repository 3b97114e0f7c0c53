"""Heatmaps of the slices that a page will show. A picture is not worth an attempt: what cannot be made is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from hounsfield.model.errors import ExplanationError
from hounsfield.model.explain import Beside, Explainer, Heatmap
from hounsfield.model.findings import Analysis
from hounsfield.model.page.choice import top_slices
from hounsfield.model.pixels import Hu
from hounsfield.model.resample import Resampling
from hounsfield.model.series_scores import SeriesScores

log = structlog.get_logger("hounsfield.worker")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the model was shown of a series, and its answers."""

    slices_hu: Sequence[Hu]
    spacing_mm: Sequence[tuple[float, float]]
    """Of each slice."""
    resampling: Resampling | None
    """None: the slices as they are."""
    answers: SeriesScores
    """Of each slice that it was shown."""
    neighbours: int = 0
    """So many slices on either side stood in the channels of each."""

    def image(self, number: int) -> Hu:
        """Return one of the slices that it was shown: HU (rows, columns)."""
        return self.slices_hu[number] if self.resampling is None else self.resampling.image(number, self.slices_hu)

    def beside(self, number: int) -> Beside:
        """Return what else it was shown for the score of that slice."""
        last = len(self.answers.slices) - 1
        near = range(1, self.neighbours + 1)
        return Beside(
            below=tuple(self.image(max(number - step, 0)) for step in reversed(near)),
            above=tuple(self.image(min(number + step, last)) for step in near),
            among=self.answers.in_sequence(number),
        )


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
    number, shift = place, (0.0, 0.0)
    if seen.resampling is not None:
        found = seen.resampling.of_source(place, seen.answers.slices)
        if found is None:
            raise ExplanationError("the slice was not shown to the model; it has the score of its neighbour")
        number, shift = found, seen.resampling.shift(found)
    return explainer.explain(seen.image(number), seen.spacing_mm[place], shift, seen.beside(number))
