"""What there is to tell about one result: the text of a report, decoded, and the row of its result set."""

from dataclasses import dataclass
from datetime import datetime

from hounsfield.daemon.results.codes import PRESENT
from hounsfield.model.findings import CodedConcept
from hounsfield.storage.states import Outcome, Reason, ResultKind


@dataclass(frozen=True, slots=True, kw_only=True)
class NameParts:
    """One group of a person's name (PS3.5 6.2.1)."""

    family: str = ""
    given: str = ""
    middle: str = ""
    prefix: str = ""
    suffix: str = ""

    def __bool__(self) -> bool:
        return any((self.family, self.given, self.middle, self.prefix, self.suffix))


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """The patient as the images name them; hidden from ``repr``, which may end in a log."""

    id: str
    issuer: str = ""
    issuer_universal_id: str = ""
    issuer_universal_id_type: str = ""
    alphabetic: NameParts = NameParts()
    ideographic: NameParts = NameParts()
    phonetic: NameParts = NameParts()
    birth_date: str = ""
    """YYYYMMDD, empty if unknown or not a date."""
    sex: str = ""
    """M, F or O; empty if unknown."""

    def __repr__(self) -> str:
        return "Patient(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was ordered, as far as the images say; hidden from ``repr`` like the patient."""

    accession_number: str = ""
    placer_order_number: str = ""
    requested_procedure_id: str = ""
    procedure: CodedConcept | None = None

    def __repr__(self) -> str:
        return "Order(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFacts:
    """What the report says of the series for one label."""

    concept: CodedConcept
    site: CodedConcept | None
    presence: CodedConcept | None
    """CID 240; None where the report leaves it out."""
    score_text: str
    """The score as the report writes it, a decimal number; empty where there is none."""

    @property
    def is_present(self) -> bool:
        """Whether the report says so: the finding is flagged."""
        return self.presence is not None and self.presence.value == PRESENT.value


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFacts:
    """One result, ready to be told. The same facts always give the same message, byte for byte."""

    message_id: str
    """20 hex digits, the same for every try of one notification: who gets it twice can know it (MSH-10 takes 20)."""
    job_id: int
    """The INFER job."""
    kind: ResultKind
    outcome: Outcome
    reason: Reason | None
    reason_words: str
    score: float | None
    bundle: str
    bundle_version: str
    study_uid: str
    series_uid: str
    """Of the images."""
    report_uid: str
    created: datetime
    """Aware UTC."""
    reported_at: str
    """YYYYMMDDHHMMSS, with +HHMM where the source names its offset: the report's content date and time."""
    study_at: str
    """Date and time of the study likewise, empty if unknown."""
    summary: str
    comment: str
    """Completeness, remarks and the disclaimer."""
    processing: CodedConcept | None
    """CID 6047."""
    findings: tuple[FindingFacts, ...]
    """In the order of the report."""
    patient: Patient
    order: Order
    test: bool = False
    """A message of ``hounsfield notify test``: about nobody."""
