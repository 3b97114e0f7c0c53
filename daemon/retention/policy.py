"""What may be removed of a series, and what keeps it. Pure.

Never what is unfinished, undelivered or unproven, however old it is and however full the disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from hounsfield.daemon.config.settings import Settings
from hounsfield.storage.purging import Holding, JobStanding, SeriesStanding
from hounsfield.storage.states import JobKind, JobState, Proof, Reason, SeriesState

PRESSED = timedelta(hours=1)
"""How long images of a finished series stay when the disk is full: what is just over may yet be looked at again."""
_BY_A_PERSON = (Reason.OPERATOR, Reason.RETRACTED, Reason.REISSUED)


class Keep(StrEnum):
    """Why something is kept that is old enough."""

    RECENT = "recent"
    RECEIVING = "receiving"
    HELD = "held"
    UNMATCHED = "unmatched"
    """No rule took it: assembly.keep_unmatched_days says when its images go."""
    UNFINISHED = "unfinished"
    UNDELIVERED = "undelivered"
    UNPROVEN = "unproven"
    FILES = "files"
    """Rows stay as long as the files that they speak of."""


KEEP_WORDS: dict[Keep, str] = {
    Keep.RECENT: "something happened since",
    Keep.RECEIVING: "still received",
    Keep.HELD: "held for a person",
    Keep.UNMATCHED: "taken by no rule: kept for assembly.keep_unmatched_days",
    Keep.UNFINISHED: "work that has not ended",
    Keep.UNDELIVERED: "a result that is not delivered: `hounsfield jobs list --kind deliver`",
    Keep.UNPROVEN: "a result without the proof that its destination is asked for",
    Keep.FILES: "files that are still kept",
}
"""For people, after "kept: N series with"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long each kind of thing is kept after the last that happened to its series."""

    keep: Mapping[Holding, timedelta]
    proof: Mapping[str, bool]
    """By destination: whether it is asked for proof. Of one that is no longer configured, what its jobs say counts."""

    @classmethod
    def of(cls, settings: Settings) -> "Policy":
        """Return what the configuration says."""
        days = settings.retention
        return cls(
            keep={
                Holding.IMAGES: timedelta(days=days.images_days),
                Holding.RESULTS: timedelta(days=days.results_days),
                Holding.JOBS: timedelta(days=days.jobs_days),
            },
            proof={one.name: one.proof != "none" for one in settings.destination},
        )

    def before(self, holding: Holding, now: datetime, *, pressed: bool = False) -> datetime:
        """Return the moment before which the last must have happened."""
        keep = self.keep[holding]
        return now - (min(keep, PRESSED) if pressed else keep)

    def keeps(self, holding: Holding, one: SeriesStanding, now: datetime, *, pressed: bool = False) -> Keep | None:
        """Return why this is kept; None: it may go. ``pressed``: the disk is full, images go before their time."""
        if one.last_at >= self.before(holding, now, pressed=pressed):
            return Keep.RECENT
        if holding is Holding.IMAGES and (one.reason, one.revision, one.jobs) == (Reason.NO_RULE, 0, ()):
            return Keep.UNMATCHED
        if holding is Holding.JOBS and (one.images or one.results):
            return Keep.FILES
        return self.unfinished(one)

    def unfinished(self, one: SeriesStanding) -> Keep | None:
        """Return what is still to be done for a series; None: it is finished, delivered and proven."""
        if one.state is SeriesState.RECEIVING:
            return Keep.RECEIVING
        if one.state is SeriesState.HELD:
            return Keep.HELD
        open_ = [found for job in one.jobs if (found := self._open(one, job)) is not None]
        return min(open_, key=list(Keep).index) if open_ else None

    def _open(self, one: SeriesStanding, job: JobStanding) -> Keep | None:
        if not job.state.is_final:
            return Keep.UNFINISHED
        if job.kind is not JobKind.DELIVER:
            return None
        if job.state is JobState.COMPLETED:
            return None if self._is_proven(job) else Keep.UNPROVEN
        return None if job.state is JobState.CANCELLED and _was_meant(one, job) else Keep.UNDELIVERED

    def _is_proven(self, job: JobStanding) -> bool:
        if job.proof is Proof.PROVEN:
            return True
        asked = self.proof.get(job.destination or "", job.reason is Reason.NO_PROOF)
        return job.proof is Proof.SENT and not asked


def _was_meant(one: SeriesStanding, job: JobStanding) -> bool:
    """Whether a person has taken a delivery out: it, its result, or its series; or a newer revision came instead."""
    discarded = one.state is SeriesState.SKIPPED and one.reason is Reason.OPERATOR
    return job.reason in _BY_A_PERSON or discarded or job.revision < one.revision
