"""The words people read, the same on pages and at the command line.

JSON keeps the values of the job log; texts never say what a result does not prove.
"""

from collections.abc import Mapping

from hounsfield.daemon.logs import escape_controls
from hounsfield.storage.records import JobRecord, SeriesRecord
from hounsfield.storage.states import REASON_WORDS, Outcome, Reason, SeriesState

VERDICT_WORDS: dict[Outcome, str] = {
    Outcome.POSITIVE: "FLAGGED",
    Outcome.NEGATIVE: "NOT FLAGGED",
    Outcome.NOT_ANALYSED: "NOT ANALYSED",
}

_NEVER_RELEASED: Mapping[Reason, str] = {
    Reason.TWO_PATIENTS: "it holds images of two patients",
    Reason.TWO_STUDIES: "it holds images of two studies",
}


def reason_words(reason: Reason | None) -> str:
    """Return the words of a coded reason; the code itself where it has none."""
    return "" if reason is None else REASON_WORDS.get(reason, reason.value)


def never_released(series: SeriesRecord) -> str:
    """Return why a HELD series cannot be let go on, whoever wishes for it; nothing where a person may."""
    if series.state is not SeriesState.HELD or series.reason is None:
        return ""
    return _NEVER_RELEASED.get(series.reason, "")


def verdict(outcome: Outcome | None, reason: Reason | None = None) -> str:
    """Return ``FLAGGED``, ``NOT FLAGGED``, ``NOT ANALYSED (slices missing)``, or nothing without an outcome."""
    if outcome is None:
        return ""
    if outcome is Outcome.NOT_ANALYSED and reason is not None:
        return f"{VERDICT_WORDS[outcome]} ({reason_words(reason)})"
    return VERDICT_WORDS[outcome]


def subject(job: JobRecord) -> str:
    """Return what a job works with: its bundle and version, or its destination."""
    if job.destination is not None:
        return escape_controls(f"to {job.destination}")
    return escape_controls(f"{job.bundle} {job.bundle_version}") if job.bundle else ""


def number(value: float | None, digits: int = 2) -> str:
    """Return a number for a table; nothing for None."""
    return "" if value is None else f"{value:.{digits}f}"
