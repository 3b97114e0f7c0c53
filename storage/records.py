"""Frozen rows as the stores hand them out and take them in. All times are timezone-aware UTC."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hounsfield.storage.states import (
    AssociationEnding,
    Completeness,
    InstanceRole,
    JobKind,
    JobState,
    Outcome,
    Proof,
    Reason,
    ResultKind,
    SeriesState,
    Stage,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What a received SOP instance says it is, and how it came. ``received_at`` is timezone-aware."""

    sop_instance_uid: str
    sop_class_uid: str
    series_uid: str
    study_uid: str
    transfer_syntax: str
    role: InstanceRole
    calling_ae: str
    called_ae: str
    peer_address: str
    association_id: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceReceipt(Arrival):
    """One received SOP instance, durable in the spool. Everything here can be rebuilt from the spool file."""

    digest: str
    """SHA-256 (hex) of transfer syntax and data set bytes; names the spool file."""
    size: int
    """Bytes of the data set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord(InstanceReceipt):
    """A receipt with what the series store knows about it."""

    id: int
    series_id: int
    revision: int
    """The revision whose snapshot first holds it; 0 while it waits for the assembler."""
    is_primary: bool
    """False for a later copy of a SOP instance that is already there with other bytes."""
    copies: int
    """How often exactly these bytes came."""
    removed_at: datetime | None = None
    """When its file was removed after its time; None: it is in the spool."""

    @property
    def is_first_image(self) -> bool:
        """Whether it is the copy of an image that counts."""
        return self.is_primary and self.role is InstanceRole.SOURCE


class Registration(StrEnum):
    """What :meth:`SeriesStore.record` found of a receipt."""

    NEW = "new"
    DUPLICATE = "duplicate"
    """These very bytes were here already."""
    VARIANT = "variant"
    """This SOP instance was here with other bytes; both are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRecord:
    """An association that stored something."""

    id: str
    receiver: str
    """Identity of the receiver process, new at each start."""
    calling_ae: str
    called_ae: str
    peer_address: str
    opened_at: datetime
    ending: AssociationEnding = AssociationEnding.OPEN
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationEnd:
    """How an association ended."""

    id: str
    ending: AssociationEnding
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Completeness with the evidence that led to it."""

    completeness: Completeness
    reasons: tuple[Reason, ...] = ()
    remarks: tuple[str, ...] = ()
    """Sentences for the report; never patient data."""
    evidence: dict[str, object] = field(default_factory=dict)
    """JSON: what the verdict rests on, for ``series show``: counts, seconds quiet, associations by ending, steps,
    coverage. No patient data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRecord:
    """A series at its current revision."""

    id: int
    series_uid: str
    study_uid: str
    state: SeriesState
    revision: int
    """0 until the first snapshot is frozen."""
    completeness: Completeness | None
    reason: Reason | None
    """Why it is HELD or SKIPPED, or the first reason of its completeness verdict."""
    remarks: tuple[str, ...]
    instances: int
    """Primary instances."""
    duplicates: int
    """Exact copies received again."""
    variants: int
    """Copies with other bytes and the same analysis identity."""
    first_received_at: datetime
    last_received_at: datetime
    touched_at: datetime
    """Last news of it: an image, a copy, or an association that turned out to be lost."""
    receiving_since: datetime
    """When it began, or began again, to receive."""
    closed_at: datetime | None
    version: int
    """Grows with every change and every instance: by it a decision on an older look at the series is refused."""
    rule: str | None = None
    """Name of the [[rule]] that decided on it last."""
    waived: tuple[Reason, ...] = ()
    """Holds that a person released; a new image brings them back."""
    scanner: str = ""
    """AE title that sent its first image, as it came: escape it at output."""
    images_removed_at: datetime | None = None
    """When the last of its images were removed after their time; None while one of them is here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferRequest:
    """An INFER job to be inserted when a revision closes."""

    bundle: str
    bundle_version: str
    bundle_sha256: str
    priority: int = 0
    max_attempts: int = 3
    part: str = ""
    """Key of the reconstruction it is about (``hounsfield.model.parts``); empty where the series is one."""
    subject: str = ""
    """Hex SHA-256 of what its results are about: they follow each other as predecessors. Empty: the series itself."""
    rule: str | None = None
    shadow: bool = False
    """Analyse and keep the result, send nothing."""
    destinations: tuple[str, ...] | None = None
    """Names of the only destinations its results go to; None: all."""
    verdict: Verdict | None = None
    """Completeness of its part; None: that of the revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultObject:
    """A finished DICOM object whose bytes lie durable at ``results/<sop_instance_uid>.dcm``."""

    role: str
    """``sr``, ``sc``, ``ko`` or ``pr``; later roles add."""
    sop_class_uid: str
    sop_instance_uid: str
    sha256: str
    size: int
    profile: str = ""
    """Hex SHA-256 of the profile it was made for; empty: the default one. A destination gets those of its own."""
    variant_of: str | None = None
    """SOP Instance UID of the object whose content it carries under another SOP class, for destinations that do not
    take that one; None for the objects of the result set themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSet:
    """What one INFER job leaves behind, positive, negative or not analysed."""

    identity: str
    """Analysis identity (hex SHA-256) of the snapshot."""
    outcome: Outcome
    reason: Reason | None
    score: float | None
    device: str | None
    """TensorFlow device the model ran on; None if it did not run."""
    objects: tuple[ResultObject, ...]
    detail: dict[str, object] = field(default_factory=dict)
    """JSON: threshold, slice scores, remarks. No patient data."""
    kind: ResultKind = ResultKind.ANALYSIS
    replaces: int | None = None
    """Id of the result set that it takes the place of (reissue) or takes back (retraction)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResultSet(ResultSet):
    """A result set as read back."""

    id: int
    job_id: int
    series_id: int
    revision: int
    created_at: datetime
    removed_at: datetime | None = None
    """When the files of its objects were removed after their time; None: they are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRequest:
    """A DELIVER or NOTIFY job to be inserted with a result set."""

    destination: str
    give_up_at: datetime
    priority: int = 0
    withheld: Reason | None = None
    """Why nothing goes there: then no job is made, and the job log says so."""
    kind: JobKind = JobKind.DELIVER
    """DELIVER, or NOTIFY: then ``destination`` is the name of a [[notify]]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDelivery:
    """How one object fared at one destination."""

    sop_instance_uid: str
    status: int
    """DIMSE status of the C-STORE response (PS3.7 annex C); of a folder, 0."""
    at: datetime
    proven_at: datetime | None = None
    """When the destination proved that it keeps the object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A row of the job log."""

    id: int
    kind: JobKind
    state: JobState
    series_id: int
    series_uid: str
    revision: int
    bundle: str | None
    bundle_version: str | None
    bundle_sha256: str | None
    destination: str | None
    result_set_id: int | None
    """The result set it made (INFER) or sends (DELIVER)."""
    outcome: Outcome | None
    reason: Reason | None
    score: float | None
    device: str | None
    attempts: int
    max_attempts: int
    """For DELIVER jobs beyond reach: ``give_up_at`` ends those."""
    priority: int
    proof: Proof
    available_at: datetime
    give_up_at: datetime | None
    lease_until: datetime | None
    worker: str | None
    created_at: datetime
    updated_at: datetime
    """When it came to the state it is in."""
    timings: dict[str, float]
    """Seconds per stage, of the last attempt."""
    part: str = ""
    subject: str = ""
    rule: str | None = None
    shadow: bool = False
    destinations: tuple[str, ...] | None = None
    verdict: Verdict | None = None
    """Completeness of what an INFER job analyses."""
    scanner: str = ""
    """AE title that sent the first image of its series, as it came: escape it at output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job in our hands. Every write names the fence, so that a worker back from the dead writes nothing."""

    job: JobRecord
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """One line of the job log.

    ``job_id`` is None for events of the series itself; series and job are None for what somebody did to the service.
    """

    id: int
    at: datetime
    series_id: int | None
    series_uid: str | None
    job_id: int | None
    kind: JobKind | None
    stage: Stage
    from_state: str | None
    to_state: str
    attempt: int | None
    worker: str | None
    reason: Reason | None
    seconds: float | None
    detail: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """What ``jobs list`` and ``jobs tail`` select; None means any."""

    kind: JobKind | None = None
    state: JobState | None = None
    series_uid: str | None = None
