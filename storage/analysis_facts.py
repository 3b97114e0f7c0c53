"""What each analysis was like: frozen rows for drift and for thresholds replayed, and the plug of their store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from hounsfield.storage.states import Outcome, Reason

InputValue = float | str | bool | None
"""A number about what the model was shown, a bounded category, or None where it could not be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisFacts:
    """What is kept of an analysis beside its result. No patient data."""

    scanner: str
    """Key of where the images came from: short, printable ASCII."""
    scores: Mapping[str, float]
    """Score of the series by label, the deciding label first."""
    inputs: Mapping[str, InputValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRecord(AnalysisFacts):
    """A row of the store."""

    job_id: int
    at: datetime
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One bundle on one scanner: what is compared with itself over time."""

    bundle: str
    bundle_version: str
    bundle_sha256: str
    scanner: str
    analyses: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """From when to when a person says that a pair was as it should be: ``begins_at`` <= time < ``ends_at``."""

    bundle_sha256: str
    scanner: str
    begins_at: datetime | None
    """Both None: the first analyses count again."""
    ends_at: datetime | None
    set_at: datetime
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAnalysed:
    """How many series a bundle did not analyse, for one reason."""

    bundle: str
    bundle_version: str
    reason: Reason | None
    series: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredJob:
    """The score that a bundle gave a series."""

    job_id: int
    series_id: int
    series_uid: str
    study_uid: str
    part: str
    """Which reconstruction of the series; empty where the series is one."""
    bundle: str
    bundle_version: str
    shadow: bool
    scanner: str
    """Empty where no facts were kept."""
    score: float
    """Of the label that decides."""
    threshold: float | None
    """At and above it the series was flagged; None where the result does not say."""
    outcome: Outcome
    report_uid: str | None
    """SOP Instance UID of its structured report; None where none was made."""


class AnalysisFactStore(Protocol):
    """Facts about analyses. They are written by :meth:`~hounsfield.storage.ports.JobStore.complete_infer`."""

    def pairs(self) -> list[Pair]:
        """Return every bundle on every scanner, by bundle, version and scanner."""

    def first(self, pair: Pair, limit: int) -> list[FactRecord]:
        """Return the first analyses of a pair, oldest first."""

    def last(self, pair: Pair, limit: int, since: datetime | None = None) -> list[FactRecord]:
        """Return the last analyses of a pair (those ``since`` then), oldest first."""

    def between(self, pair: Pair, begins_at: datetime, ends_at: datetime, limit: int) -> list[FactRecord]:
        """Return the first analyses of a pair with ``begins_at`` <= time < ``ends_at``, oldest first."""

    def set_baselines(self, baselines: Sequence[Baseline]) -> None:
        """Keep what a person says is the baseline; the newest word about a pair counts."""

    def baselines(self) -> dict[tuple[str, str], Baseline]:
        """Return the baselines in force by bundle SHA-256 and scanner."""

    def not_analysed(self, since: datetime) -> list[NotAnalysed]:
        """Count the series that were not analysed since then, by bundle, version and reason."""

    def scored(
        self, bundle: str, version: str | None = None, *, shadow: bool | None = None, since: datetime | None = None
    ) -> Iterator[ScoredJob]:
        """Yield the scores of a bundle: of each series, part and version the last one, by series.

        ``shadow``: only those of shadow jobs, or only the others; None: both.
        """

    def opinions(self) -> dict[int, bool]:
        """Return by series id what readers say of it: whether it is positive.

        Whoever agrees with a flagged result, or disagrees with one that is not flagged, says so. The last word about a
        series counts.
        """
