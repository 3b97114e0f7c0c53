"""How single values look on every page: states, verdicts, UIDs. Pure; templates escape all of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from hounsfield.daemon.console.standing import Level, State
from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.reason_texts import REASON_TEXTS
from hounsfield.daemon.words import reason_words, verdict
from hounsfield.storage.records import JobRecord
from hounsfield.storage.states import JobKind, JobState, Proof, Reason, SeriesState

_UID = re.compile(r"(?<![0-9])(?:2\.25\.[0-9]{10,}|[0-9]+(?:\.[0-9]+){4,})(?![0-9]|\.[0-9])")
"""Five numbers and more with dots between them (an IPv4 address and a version have fewer), or a UUID as a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a result says."""

    code: str
    """``positive``, ``negative`` or ``not_analysed``."""
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What a reason means, and what can be done."""

    code: str
    meaning: str
    advice: str
    """With commands in backticks."""


@dataclass(frozen=True, slots=True)
class Veil:
    """Puts keyed hashes in the place of UIDs."""

    hasher: Callable[[str], str]

    def uid(self, uid: str) -> str:
        """Return the hash of a UID."""
        return self.hasher(uid)

    def text(self, text: str) -> str:
        """Return a text with every UID in it hashed and everything unprintable escaped."""
        return escape_controls(_UID.sub(lambda found: self.hasher(found.group()), text))


def finding(job: JobRecord) -> Finding | None:
    """Return FLAGGED, NOT FLAGGED, or NOT ANALYSED with its reason; None without an outcome."""
    if job.outcome is None:
        return None
    return Finding(code=job.outcome.value, words=verdict(job.outcome, job.reason))


JOB_LEVELS: dict[JobState, Level] = {
    JobState.AVAILABLE: Level.QUIET,
    JobState.RUNNING: Level.QUIET,
    JobState.RETRYABLE: Level.WARNING,
    JobState.COMPLETED: Level.OK,
    JobState.DISCARDED: Level.PROBLEM,
    JobState.CANCELLED: Level.QUIET,
    JobState.HELD: Level.WARNING,
}
SERIES_LEVELS: dict[SeriesState, Level] = {
    SeriesState.RECEIVING: Level.QUIET,
    SeriesState.CLOSED: Level.OK,
    SeriesState.HELD: Level.WARNING,
    SeriesState.SKIPPED: Level.QUIET,
}


def job_state(job: JobRecord) -> State:
    """Return the state of a job; its reason follows where the finding does not say it."""
    more = reason_words(job.reason) if job.outcome is None else ""
    return State(words=job.state.value, level=JOB_LEVELS[job.state], more=more)


def series_state(state: SeriesState, reason: Reason | None) -> State:
    """Return the state of a series, with the reason where it is held or skipped."""
    told = state in (SeriesState.HELD, SeriesState.SKIPPED)
    return State(words=state.value, level=SERIES_LEVELS[state], more=reason_words(reason) if told else "")


def delivery_state(job: JobRecord) -> State:
    """Return how a delivery stands: its destination, and in place of COMPLETED whether it is proven."""
    ended = {JobKind.NOTIFY: "told"}.get(job.kind, "proven" if job.proof is Proof.PROVEN else "sent")
    standing = ended if job.state is JobState.COMPLETED else job.state.value
    return State(words=escape_controls(job.destination or ""), level=JOB_LEVELS[job.state], more=standing)


def advice_of(reason: Reason | None) -> Advice | None:
    """Return what a reason means and what to do; None for no reason."""
    if reason is None:
        return None
    text = REASON_TEXTS[reason]
    return Advice(code=reason.value, meaning=text.meaning, advice=text.advice)
