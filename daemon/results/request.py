"""What a result writer is given, and what it gives back."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results.profile import Profile
from hounsfield.model.findings import Analysis, CodedConcept, Finding
from hounsfield.storage.records import Verdict
from hounsfield.storage.states import Outcome, Reason

Page = npt.NDArray[np.uint8]


class Site(Protocol):
    """The ``[site]`` section of the configuration, as far as results speak of it."""

    @property
    def name(self) -> str:
        """Institution Name of our equipment; empty if not configured."""

    @property
    def timezone(self) -> str:
        """IANA name of the zone our times are written in where the source names no offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFacts:
    """What a report says about one label of a bundle."""

    name: str
    """The finding in words: "does not exclude ..."."""
    short: str
    """Two or three letters for the Series Description: ``ICH``."""
    concept: CodedConcept
    site: CodedConcept
    decides: bool = True
    """Whether it alone makes a series FLAGGED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFacts:
    """What a report says about the model bundle."""

    name: str
    version: str
    title: str
    sha256: str
    """Over the manifest, which names the hashes of all its files."""
    banner: str
    """What must stand wherever a bundle that is not clinical speaks; may be empty for a clinical one."""
    clinical: bool
    calibrated: bool
    """Only then the score may be called a probability."""
    labels: tuple[LabelFacts, ...]
    """In the order of the bundle; at least one."""
    parameters: str
    """Thresholds, hash, aggregation and preprocessing as one line (TID 4019, 111002)."""


class InstanceReference(NamedTuple):
    """A SOP instance as documents name it, with its series and study (PS3.3 C.17.2.1)."""

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read it from a result file; raise :class:`ResultError` if that cannot be read."""
        tags = ["StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID"]
        try:
            found = dcmread(path, stop_before_pixels=True, specific_tags=tags)
            study, series, sop_class, instance = (str(found[tag].value) for tag in tags)
        except (OSError, ValueError, KeyError, AttributeError, EOFError, InvalidDicomError) as error:
            raise ResultError(
                "an earlier result cannot be read back, so the new one cannot name it",
                "restore the file in the results folder from a backup",
            ) from error
        return cls(study_uid=study, series_uid=series, sop_class_uid=sop_class, sop_instance_uid=instance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place on a source image that a presentation state points to."""

    sop_instance_uid: str
    frame: int | None = None
    """Frame number from 1 in a multi-frame instance; None in a single-frame one."""
    column: float
    """Of its middle; 0 is the middle of the first pixel of a row."""
    row: float
    radius: float
    """Pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """One analysis of one revision of one series, ready to be put into objects."""

    analysis: Analysis
    outcome: Outcome
    reason: Reason | None
    """Why it was not analysed; None otherwise."""
    words: str
    """The reason in words of the profile's language, without patient data: "slices missing"; empty otherwise."""
    bundle: BundleFacts
    sources: tuple[Dataset, ...]
    """Every instance of the snapshot, without pixels, as ``dcmread`` gives them and not accessed since
    (their elements are copied as raw bytes), in volume order where there is one."""
    verdict: Verdict
    identity: str
    """Analysis identity (hex SHA-256) of the snapshot."""
    revision: int
    part: str = ""
    """Key of the reconstruction it is about (``hounsfield.model.parts``); empty where the series is one."""
    predecessors: tuple[InstanceReference, ...] = ()
    """The reports of ours that this one follows."""
    pages: tuple[Page, ...]
    """Pages of the secondary capture, RGB (rows, columns, 3): the summary, then single flagged slices, highest score
    first. Empty: no secondary capture can be built."""
    marks: tuple[Mark, ...] = ()
    """What presentation states point to, on flagged images."""
    profile: Profile = field(default_factory=Profile)
    """What the destinations of these objects want."""
    site: Site
    device_uid: str
    """UID of this installation."""
    created: datetime
    """Aware; results show it in the offset of the source or the zone of the site."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise ResultError("a result needs at least one readable image of the series")
        if self.created.utcoffset() is None:
            raise ValueError("created must be timezone-aware")
        if self.outcome is not self._implied_outcome():
            raise ValueError(f"outcome '{self.outcome}' contradicts the analysis")
        if (self.reason is None) == (self.outcome is Outcome.NOT_ANALYSED):
            raise ValueError("a series that was not analysed has a reason, any other has none")
        if self.analysis.findings and len(self.analysis.findings) != len(self.bundle.labels):
            raise ValueError("an analysis has a finding for each label of its bundle")

    @property
    def labelled(self) -> tuple[tuple[LabelFacts, Finding], ...]:
        """Each label with its finding, in the order of the bundle; none where the series was not analysed."""
        return tuple(zip(self.bundle.labels, self.analysis.findings, strict=False))

    @property
    def leads(self) -> tuple[LabelFacts, ...]:
        """The labels the result is named after (``Analysis.leads``); the first where the series was not analysed."""
        leads = self.analysis.leads
        named = tuple(label for label, finding in self.labelled if any(finding is one for one in leads))
        return named or self.bundle.labels[:1]

    @property
    def leading(self) -> Finding | None:
        """The finding that stands for the result, None where the series was not analysed."""
        return self.analysis.leading

    def _implied_outcome(self) -> Outcome:
        if self.analysis.finding is None:
            return Outcome.NOT_ANALYSED
        return Outcome.POSITIVE if self.analysis.flagged else Outcome.NEGATIVE


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """A SOP instance of ours with its series, as other objects name it."""

    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class BuiltObject:
    """A finished object; ``content`` is a whole DICOM file (PS3.10), Explicit VR Little Endian."""

    role: str
    sop_class_uid: str
    sop_instance_uid: str
    content: bytes


class ResultWriter(Protocol):
    """Makes the objects of one role: one instance, several of one series, or none where there is nothing to show."""

    role: str

    def references(
        self, request: ReportRequest, companions: tuple[ObjectReference, ...]
    ) -> tuple[ObjectReference, ...]:
        """Return the UIDs the objects get, in the order of :meth:`write`."""

    def write(self, request: ReportRequest, companions: tuple[ObjectReference, ...]) -> tuple[Dataset, ...]:
        """Build the objects; ``companions`` are the objects they name (only a report names any)."""
