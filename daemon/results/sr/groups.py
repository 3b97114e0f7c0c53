"""Measurement groups (TID 1501): one for the series, one for each flagged slice."""

from collections.abc import Sequence

from pydicom import Dataset

from hounsfield.daemon.results import codes
from hounsfield.daemon.results.evidence import KeyImage, flagged_images, key_images
from hounsfield.daemon.results.request import MANUFACTURER, ReportRequest
from hounsfield.daemon.results.source_attributes import number, text
from hounsfield.daemon.results.sr.items import (
    CONTAINS,
    HAS_CONCEPT_MOD,
    HAS_OBS_CONTEXT,
    INFERRED_FROM,
    code,
    container,
    image,
    num,
    outline,
    uidref,
    words,
)
from hounsfield.daemon.results.uids import tracking_uid
from hounsfield.daemon.results.words import banner_sentence, shown, words_of
from hounsfield.model.findings import CodedConcept
from hounsfield.storage.states import Outcome

_SCORE_DIGITS = 6


def measurement_groups(request: ReportRequest) -> list[Dataset]:
    """Return the group of the series, then those of the flagged slices, highest score first."""
    finding, algorithm = request.finding, _algorithm(request)
    of_series = _group(
        request,
        algorithm,
        name=f"{request.bundle.short} series",
        slice_uid="",
        score=None if finding is None else shown(finding.score, finding.threshold, _SCORE_DIGITS),
        images=key_images(request),
    )
    of_slices = [
        _group(
            request,
            algorithm,
            name=f"{request.bundle.short} image {key.name}",
            slice_uid=key.uid if key.frame is None else f"{key.uid} {key.frame}",
            score=shown(key.score or 0.0, finding.slice_threshold if finding else 0.0, _SCORE_DIGITS),
            images=[key],
        )
        for key in flagged_images(request)
    ]
    return [of_series, *of_slices]


def _group(
    request: ReportRequest,
    algorithm: Sequence[Dataset],
    *,
    name: str,
    slice_uid: str,
    score: str | None,
    images: Sequence[KeyImage],
) -> Dataset:
    bundle = request.bundle
    tracked = tracking_uid(text(request.sources[0], "SeriesInstanceUID"), bundle.concept.value, slice_uid, request.part)
    children = [
        words(HAS_OBS_CONTEXT, codes.TRACKING_IDENTIFIER, name),
        uidref(HAS_OBS_CONTEXT, codes.TRACKING_UNIQUE_IDENTIFIER, tracked),
        code(CONTAINS, codes.FINDING, bundle.concept),
        code(HAS_CONCEPT_MOD, codes.FINDING_SITE, bundle.site),
        *algorithm,
    ]
    if score is not None:
        children.append(_measurement(score, images))
    if presence := _presence(request):
        children.append(code(CONTAINS, bundle.concept, presence))
    for key in images:
        sop_class = text(key.source, "SOPClassUID")
        children.append(image(CONTAINS, codes.SOURCE_OF_MEASUREMENT, sop_class, key.uid, key.frame))
    if score is None:
        children += _outlines(CONTAINS, codes.IMAGE_REGION, images)
    return container(CONTAINS, codes.MEASUREMENT_GROUP, children, template="1501")


def _measurement(score: str, images: Sequence[KeyImage]) -> Dataset:
    """TID 300 with TID 320: the score and what it was inferred from.

    That is each image as a whole. It is said as coordinates since a widespread viewer fails on a group without any,
    and shows the images with their scores where it finds them.
    """
    measured = num(CONTAINS, codes.PROBABILITY, score)
    if regions := _outlines(INFERRED_FROM, codes.SOURCE_OF_MEASUREMENT, images):
        measured.ContentSequence = regions
    return measured


def _outlines(relationship: str, name: CodedConcept, images: Sequence[KeyImage]) -> list[Dataset]:
    found = []
    for key in images:
        rows, columns = number(key.source, "Rows"), number(key.source, "Columns")
        if rows and columns:
            of = image(CONTAINS, codes.SOURCE, text(key.source, "SOPClassUID"), key.uid, key.frame)
            found.append(outline(relationship, name, rows, columns, of))
    return found


def _presence(request: ReportRequest) -> CodedConcept | None:
    if request.outcome is Outcome.NEGATIVE and request.profile.code_absence:
        return codes.ABSENT
    return codes.PRESENCE[request.outcome]


def _algorithm(request: ReportRequest) -> list[Dataset]:
    """TID 4019."""
    bundle = request.bundle
    parameters = " ".join(part for part in (bundle.parameters, banner_sentence(bundle, words_of(request))) if part)
    return [
        words(HAS_CONCEPT_MOD, codes.ALGORITHM_NAME, bundle.name),
        words(HAS_CONCEPT_MOD, codes.ALGORITHM_VERSION, bundle.version),
        words(HAS_CONCEPT_MOD, codes.ALGORITHM_MANUFACTURER, MANUFACTURER),
        words(HAS_CONCEPT_MOD, codes.ALGORITHM_PARAMETERS, parameters),
        code(HAS_CONCEPT_MOD, codes.ALGORITHM_FAMILY, codes.ARTIFICIAL_INTELLIGENCE),
    ]
