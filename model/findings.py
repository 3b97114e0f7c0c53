"""What the model side hands to the daemon: one analysis of one series, or a coded rejection."""

from dataclasses import dataclass
from enum import StrEnum


class Rejection(StrEnum):
    """Why a series that a bundle wants is not analysed. The same codes as ``hounsfield.storage.states.Reason``."""

    INCOMPLETE = "incomplete"
    SCOPE = "scope"
    TOO_FEW_SLICES = "too-few-slices"
    TOO_LARGE = "too-large"
    TILT = "tilt"
    NO_RESCALE = "no-rescale"
    NOT_HU = "not-hu"
    LOSSY = "lossy"
    IMPLAUSIBLE_HU = "implausible-hu"
    NO_GEOMETRY = "no-geometry"
    AMBIGUOUS_GEOMETRY = "ambiguous-geometry"
    COVERAGE = "coverage"
    IRREGULAR_SPACING = "irregular-spacing"
    BURNED_IN = "burned-in"
    MULTI_FRAME = "multi-frame"
    BODY_PART = "body-part"
    UNREADABLE_PIXELS = "unreadable-pixels"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class CodedConcept:
    """A code triple (PS3.3 section 8): value, coding scheme designator, meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceScore:
    """The model's score of one slice, in [0, 1]."""

    sop_instance_uid: str
    score: float
    frame: int | None = None
    """Frame number from 1 in a multi-frame instance; None in a single-frame one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One label's answer for a series."""

    label: str
    concept: CodedConcept
    score: float
    """Aggregated over the slices, in [0, 1]."""
    threshold: float
    slices: tuple[SliceScore, ...]
    """In the order of the volume: along the slice normal."""
    slice_threshold: float
    """At and above it a slice is shown as flagged."""
    decides: bool = True
    """Whether it alone makes the series FLAGGED; a finding that does not says more about one that does."""

    @property
    def flagged(self) -> bool:
        """Whether the series is at or above the operating point."""
        return self.score >= self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """The answer for a series: findings, or a rejection with its words; never both, never neither."""

    findings: tuple[Finding, ...] = ()
    """One for each label of the bundle, in its order; the first one decides."""
    rejection: Rejection | None = None
    remarks: tuple[str, ...] = ()
    """What was done about the input (tilt, spacing, padding), as sentences for the report. No patient data."""
    device: str | None = None
    """TensorFlow device name; None if the model did not run."""

    def __post_init__(self) -> None:
        if (not self.findings) == (self.rejection is None):
            raise ValueError("an analysis is either findings or a rejection")
        if self.findings and not self.findings[0].decides:
            raise ValueError("the first finding decides")

    @property
    def finding(self) -> Finding | None:
        """The first finding; None for a rejection."""
        return self.findings[0] if self.findings else None

    @property
    def flagged(self) -> bool:
        """Whether a finding that decides is at or above its operating point."""
        return any(one.flagged for one in self.findings if one.decides)

    @property
    def leads(self) -> tuple[Finding, ...]:
        """What the result is named after: the flagged findings that decide, else the first; none for a rejection."""
        return tuple(one for one in self.findings if one.decides and one.flagged) or self.findings[:1]

    @property
    def leading(self) -> Finding | None:
        """The finding whose score, slices and threshold stand for the result; None for a rejection."""
        return self.leads[0] if self.leads else None
