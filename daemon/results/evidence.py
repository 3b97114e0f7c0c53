"""Which images a result names: all of them as evidence, a few of them as key images."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import Dataset

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results.request import ReportRequest
from hounsfield.daemon.results.source_attributes import text
from hounsfield.model.findings import SliceScore

MOST_SLICES = 10
"""Flagged slices with a measurement group of their own."""
KEY_IMAGES = 3
"""Key images where no slice is flagged."""


@dataclass(frozen=True, slots=True)
class KeyImage:
    """A source image with its score, None where the model did not run."""

    source: Dataset
    score: float | None
    frame: int | None = None
    """Frame number from 1 where the score is that of one frame of a multi-frame instance; None: the whole instance."""

    @property
    def uid(self) -> str:
        """SOP Instance UID."""
        return text(self.source, "SOPInstanceUID")

    @property
    def name(self) -> str:
        """What a person calls it: its Instance Number, "?" where it has none, and its frame."""
        number = text(self.source, "InstanceNumber") or "?"
        return number if self.frame is None else f"{number} frame {self.frame}"


def evidence_of(request: ReportRequest) -> Iterator[tuple[str, str, str, str]]:
    """Yield (study, series, class, instance) UIDs of the whole input set."""
    for source in request.sources:
        keywords = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")
        study, series, sop_class, instance = (text(source, keyword) for keyword in keywords)
        yield study, series, sop_class, instance


def flagged_images(request: ReportRequest) -> list[KeyImage]:
    """Return the flagged slices of a flagged series, highest score first, at most ten.

    A slice over its threshold in a series that is not flagged gets no group: the report would contradict itself.
    """
    finding = request.finding
    if finding is None or not finding.flagged:
        return []
    flagged = [entry for entry in finding.slices if entry.score >= finding.slice_threshold]
    return _images(request, flagged)[:MOST_SLICES]


def key_images(request: ReportRequest) -> list[KeyImage]:
    """Return the images the report shows: the flagged ones, else those with the highest scores, else the middle one."""
    finding = request.finding
    if finding is None:
        return [KeyImage(request.sources[len(request.sources) // 2], None)]
    return flagged_images(request) or _images(request, finding.slices)[:KEY_IMAGES]


def _images(request: ReportRequest, scores: tuple[SliceScore, ...] | list[SliceScore]) -> list[KeyImage]:
    by_uid = {text(source, "SOPInstanceUID"): source for source in request.sources}
    ranked = sorted(scores, key=lambda entry: -entry.score)
    try:
        return [KeyImage(by_uid[entry.sop_instance_uid], entry.score, entry.frame) for entry in ranked]
    except KeyError:
        raise ResultError("the finding names an image that is not among the sources of the report") from None
