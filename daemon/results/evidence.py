"""Which images a result names: all of them as evidence, a few of them as key images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom import Dataset

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results.request import InstanceReference, ReportRequest
from hounsfield.daemon.results.source_attributes import text
from hounsfield.model.findings import Finding, SliceScore

MOST_SLICES = 10
"""Flagged slices with a measurement group of their own."""
KEY_IMAGES = 3
"""Key images where no slice is flagged, and images of a finding that does not stand for the result."""


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


def evidence_of(request: ReportRequest) -> Iterator[InstanceReference]:
    """Yield every instance of the input set."""
    for source in request.sources:
        keywords = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")
        yield InstanceReference(*(text(source, keyword) for keyword in keywords))


def flagged_images(request: ReportRequest) -> list[KeyImage]:
    """Return the flagged slices of a flagged series, highest score first, at most ten.

    They are those of the finding that stands for the result. A slice over its threshold in a series that is not
    flagged gets no group: the report would contradict itself.
    """
    finding = request.leading
    if finding is None or not finding.flagged:
        return []
    flagged = [entry for entry in finding.slices if entry.score >= finding.slice_threshold]
    return _images(request, flagged, MOST_SLICES)


def key_images(request: ReportRequest) -> list[KeyImage]:
    """Return the images the report shows: the flagged ones, else those with the highest scores, else the middle one."""
    finding = request.leading
    if finding is None:
        return [KeyImage(request.sources[len(request.sources) // 2], None)]
    return flagged_images(request) or images_of(request, finding)


def images_of(request: ReportRequest, finding: Finding) -> list[KeyImage]:
    """Return the images with the highest scores of one finding."""
    return _images(request, finding.slices, KEY_IMAGES)


def shown_images(request: ReportRequest) -> list[KeyImage]:
    """Return the key images, then those that the other findings name beside them, each once."""
    found = key_images(request)
    for finding in request.analysis.findings:
        if finding is not request.leading:
            found += images_of(request, finding)
    return list({(one.uid, one.frame): one for one in reversed(found)}.values())[::-1]


def _images(request: ReportRequest, scores: Sequence[SliceScore], most: int) -> list[KeyImage]:
    ranked = sorted(scores, key=lambda entry: -entry.score)[:most]
    wanted = {entry.sop_instance_uid for entry in ranked}
    by_uid = {uid: source for source in request.sources if (uid := text(source, "SOPInstanceUID")) in wanted}
    try:
        return [KeyImage(by_uid[entry.sop_instance_uid], entry.score, entry.frame) for entry in ranked]
    except KeyError:
        raise ResultError("the finding names an image that is not among the sources of the report") from None
