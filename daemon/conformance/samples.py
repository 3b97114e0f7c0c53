"""Results of every kind, built by the real writers from generated images of nobody: what the annexes are read from.

The samples differ in what may change an object: the images, the answer, the bundle, the site and the destination. What
is the same in all of them is fixed; what follows the images is copied.
"""

import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import numpy as np
from pydicom import Dataset, dcmread

from hounsfield.daemon.config.destinations import ResultRole
from hounsfield.daemon.conformance.images import Images, bare, classic, multiframe, sparse
from hounsfield.daemon.results.profile import Profile
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.request import (
    BuiltObject,
    BundleFacts,
    InstanceReference,
    LabelFacts,
    Mark,
    Page,
    ReportRequest,
)
from hounsfield.daemon.results.retraction import Rejection, rejection_note
from hounsfield.daemon.sop_classes import COMPREHENSIVE_3D_SR
from hounsfield.model.findings import Analysis, CodedConcept, Finding, SliceScore
from hounsfield.model.findings import Rejection as Refusal
from hounsfield.storage.records import Verdict
from hounsfield.storage.states import REASON_WORDS, Completeness, Outcome, Reason

BUNDLE_SCHEME = "99BUNDLE"
"""Stands for the coding schemes that bundles use."""
ROLES: tuple[ResultRole, ...] = get_args(ResultRole)
_THRESHOLD = 0.5
_DAYS = (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2025, 6, 7, 8, 9, 10, tzinfo=UTC))
"""Of the moments in which results are made."""
_CONFIGURATIONS = ("default", "second", "third")


@dataclass(frozen=True, slots=True)
class Sample:
    """One object as it would be sent."""

    role: str
    """``sr``, ``sc``, ``ko``, ``pr`` or ``rejection``."""
    configuration: str
    """The same for samples of the same site and destination."""
    dataset: Dataset
    images: tuple[Dataset, ...]
    """Those of its series."""


@dataclass(frozen=True, slots=True)
class _Site:
    name: str
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    images: Images
    outcome: Outcome
    configuration: str = "default"
    revision: int = 1
    score: float = 0.9

    @property
    def number(self) -> int:
        """Of the configuration."""
        return _CONFIGURATIONS.index(self.configuration)

    @property
    def is_other(self) -> bool:
        """Whether the analysis is by the other bundle."""
        return self.images.mark == "B"

    @property
    def site(self) -> _Site:
        return (_Site("", "UTC"), _Site("Site", "Asia/Tokyo"), _Site("Another site", "UTC"))[self.number]

    @property
    def profile(self) -> Profile:
        if self.configuration != "second":
            return Profile(roles=ROLES)
        return Profile(
            roles=ROLES,
            sr_title="ct-report",
            sc_modality="CT",
            series_description="{finding} {verdict}",
            language="de",
            code_absence=True,
        )

    @property
    def predecessors(self) -> tuple[InstanceReference, ...]:
        if self.revision == 1:
            return ()
        study, series, instance = (f"2.25.{self.number + 1}.{part}" for part in range(3))
        reference = InstanceReference(
            study_uid=study, series_uid=series, sop_class_uid=COMPREHENSIVE_3D_SR, sop_instance_uid=instance
        )
        return (reference,)


def samples() -> tuple[Sample, ...]:
    """Return objects of all kinds; no files stay."""
    positive, negative, unanswered = Outcome.POSITIVE, Outcome.NEGATIVE, Outcome.NOT_ANALYSED
    cases = (
        _Case(images=classic(), outcome=positive),
        _Case(images=multiframe(), outcome=positive, revision=2),
        _Case(images=multiframe(), outcome=positive, score=_THRESHOLD),
        _Case(images=bare(), outcome=positive),
        _Case(images=sparse(), outcome=positive),
        _Case(images=multiframe(), outcome=negative, score=0.1),
        _Case(images=bare(), outcome=unanswered),
        _Case(images=classic(), outcome=positive, configuration="second", revision=2),
        _Case(images=multiframe(), outcome=negative, configuration="second", score=0.1),
        _Case(images=bare(), outcome=unanswered, configuration="second"),
        _Case(images=multiframe(), outcome=positive, configuration="third", score=_THRESHOLD),
    )
    with tempfile.TemporaryDirectory(prefix="hounsfield-") as folder:
        return tuple(sample for case in cases for sample in _samples_of(case, Path(folder)))


def _samples_of(case: _Case, folder: Path) -> Iterator[Sample]:
    images = case.images.received()
    built = build(_request_of(case), ROLES)
    for one in (*built, _note(case, built, folder)):
        yield Sample(one.role, case.configuration, dcmread(io.BytesIO(one.content)), images)


def _note(case: _Case, built: Sequence[BuiltObject], folder: Path) -> BuiltObject:
    files = [folder / one.sop_instance_uid for one in built]
    for file, one in zip(files, built, strict=True):
        file.write_bytes(one.content)
    return rejection_note(
        Rejection(
            objects=tuple(files),
            profile=case.profile.key,
            words="wrong series" if case.number else "",
            created=_day(case),
            timezone=case.site.timezone,
        )
    )


def _request_of(case: _Case) -> ReportRequest:
    is_other = case.is_other
    not_analysed = case.outcome is Outcome.NOT_ANALYSED
    return ReportRequest(
        analysis=_analysis(case),
        outcome=case.outcome,
        reason=Reason.INCOMPLETE if not_analysed else None,
        words=REASON_WORDS[Reason.INCOMPLETE] if not_analysed else "",
        bundle=_bundle(is_other=is_other),
        sources=case.images.received(),
        verdict=Verdict(completeness=Completeness.COMPLETE, remarks=("No gap",) if is_other else ()),
        identity=("cd" if is_other else "ab") * 32,
        revision=case.revision,
        predecessors=case.predecessors,
        pages=_pages(is_other=is_other),
        marks=_marks(case),
        profile=case.profile,
        site=case.site,
        device_uid=f"2.25.{10 + case.number}",
        created=_day(case),
    )


def _day(case: _Case) -> datetime:
    return _DAYS[case.is_other]


def _pages(*, is_other: bool) -> tuple[Page, ...]:
    shape = (30, 40, 3) if is_other else (33, 35, 3)
    return (np.zeros(shape, np.uint8), np.ones(shape, np.uint8))


def _marks(case: _Case) -> tuple[Mark, ...]:
    row = 6.0 if case.is_other else 5.0
    slices = case.images.slices()
    return tuple(Mark(sop_instance_uid=uid, frame=frame, column=4.0, row=row, radius=2.0) for uid, frame in slices)


def _bundle(*, is_other: bool) -> BundleFacts:
    labels = [
        LabelFacts(name="finding", short="FND", concept=_code("FINDING"), site=_code("SITE")),
        LabelFacts(name="kind", short="KND", concept=_code("KIND"), site=_code("SITE"), decides=False),
    ]
    return BundleFacts(
        name="other" if is_other else "bundle",
        version="2.0" if is_other else "1.0",
        title="Other bundle" if is_other else "",
        sha256=("12" if is_other else "34") * 32,
        banner="" if is_other else "for trial only",
        clinical=is_other,
        calibrated=is_other,
        labels=tuple(labels),
        parameters="threshold 0.5; aggregation max" if is_other else "threshold 0.5",
    )


def _code(value: str) -> CodedConcept:
    return CodedConcept(value, BUNDLE_SCHEME, value.capitalize())


def _analysis(case: _Case) -> Analysis:
    if case.outcome is Outcome.NOT_ANALYSED:
        return Analysis(rejection=Refusal.INCOMPLETE, remarks=())
    labels = _bundle(is_other=False).labels
    findings = tuple(_finding(label, case.score, case.images.slices()) for label in labels)
    return Analysis(findings=findings, remarks=("Tilt corrected",) if case.is_other else ())


def _finding(label: LabelFacts, score: float, slices: Sequence[tuple[str, int | None]]) -> Finding:
    return Finding(
        label=label.name,
        concept=label.concept,
        score=score,
        threshold=_THRESHOLD,
        slices=tuple(
            SliceScore(sop_instance_uid=uid, score=score - 0.01 * place, frame=frame)
            for place, (uid, frame) in enumerate(slices)
        ),
        slice_threshold=_THRESHOLD,
        decides=label.decides,
    )
