"""Measurement groups (TID 1501): one of the series for each label, one for each flagged slice."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset

from hounsfield.daemon.product import MANUFACTURER
from hounsfield.daemon.results import codes
from hounsfield.daemon.results.evidence import KeyImage, flagged_images, images_of, key_images
from hounsfield.daemon.results.request import LabelFacts, ReportRequest
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
from hounsfield.model.findings import CodedConcept, Finding
from hounsfield.storage.states import Outcome

_SCORE_DIGITS = 6
_SERIES = "series"


def measurement_groups(request: ReportRequest) -> list[Dataset]:
    """Return the group of the series for each label, then those of the flagged slices, highest score first.

    A series that was not analysed has the group of the first label only.
    """
    algorithm = _algorithm(request)
    subjects = _subjects(request)
    of_series = [_of_series(request, algorithm, subject) for subject in subjects]
    leading = next(subject for subject in subjects if subject.finding is request.leading)
    return [*of_series, *(_of_slice(request, algorithm, leading, key) for key in flagged_images(request))]


def is_of_series(identifier: str) -> bool:
    """Whether the group with this tracking identifier is about the whole series."""
    return identifier.endswith(f" {_SERIES}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What a group is about."""

    label: LabelFacts
    finding: Finding | None
    tracked: str
    """What the tracking UID is made of: the same in every version of the model."""


def _subjects(request: ReportRequest) -> list[_Subject]:
    keys = _tracked(request.bundle.labels)
    if request.leading is None:
        return [_Subject(label=request.bundle.labels[0], finding=None, tracked=keys[0])]
    return [
        _Subject(label=label, finding=finding, tracked=key)
        for (label, finding), key in zip(request.labelled, keys, strict=True)
    ]


def _tracked(labels: Sequence[LabelFacts]) -> list[str]:
    """The first label by its finding alone; others may share a code and differ by their site, at worst by name."""
    keys = [labels[0].concept.value]
    for label in labels[1:]:
        key = f"{label.concept.scheme} {label.concept.value} {label.site.scheme} {label.site.value}"
        keys.append(f"{key} {label.name}" if key in keys else key)
    return keys


def _of_series(request: ReportRequest, algorithm: Sequence[Dataset], subject: _Subject) -> Dataset:
    finding = subject.finding
    leads = finding is request.leading
    return _group(
        request,
        algorithm,
        subject,
        name=f"{subject.label.short} {_SERIES}",
        slice_uid="",
        score=None if finding is None else shown(finding.score, finding.threshold, _SCORE_DIGITS),
        images=key_images(request) if finding is None or leads else images_of(request, finding),
    )


def _of_slice(request: ReportRequest, algorithm: Sequence[Dataset], subject: _Subject, key: KeyImage) -> Dataset:
    limit = subject.finding.slice_threshold if subject.finding else 0.0
    return _group(
        request,
        algorithm,
        subject,
        name=f"{subject.label.short} image {key.name}",
        slice_uid=key.uid if key.frame is None else f"{key.uid} {key.frame}",
        score=shown(key.score or 0.0, limit, _SCORE_DIGITS),
        images=[key],
    )


def _group(
    request: ReportRequest,
    algorithm: Sequence[Dataset],
    subject: _Subject,
    *,
    name: str,
    slice_uid: str,
    score: str | None,
    images: Sequence[KeyImage],
) -> Dataset:
    label = subject.label
    tracked = tracking_uid(text(request.sources[0], "SeriesInstanceUID"), subject.tracked, slice_uid, request.part)
    children = [
        words(HAS_OBS_CONTEXT, codes.TRACKING_IDENTIFIER, name),
        uidref(HAS_OBS_CONTEXT, codes.TRACKING_UNIQUE_IDENTIFIER, tracked),
        code(CONTAINS, codes.FINDING, label.concept),
        code(HAS_CONCEPT_MOD, codes.FINDING_SITE, label.site),
        *algorithm,
    ]
    if score is not None:
        children.append(_measurement(score, images))
    if presence := _presence(request, subject.finding):
        children.append(code(CONTAINS, label.concept, presence))
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


def _presence(request: ReportRequest, finding: Finding | None) -> CodedConcept | None:
    """CID 240. What is not flagged is said by the outcome (111241): no words of ours say "absent" unless asked to.

    A finding that decides nothing is present in a flagged series only, and never absent.
    """
    if finding is None:
        return codes.UNDETERMINED
    if request.outcome is Outcome.POSITIVE:
        return codes.PRESENT if finding.flagged else None
    return codes.ABSENT if finding.decides and request.profile.code_absence else None


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
