"""How feedback looks: its fixed JSON fields and its rows in tables. Titles of senders become harmless text."""

from collections.abc import Sequence

from hounsfield.daemon.cli.output import local, show_table
from hounsfield.daemon.feedback.agreement import Agreement
from hounsfield.daemon.rule_language.quoting import plain
from hounsfield.daemon.words import VERDICT_WORDS
from hounsfield.storage.feedback import FeedbackRecord

REPORT_COLUMNS = ("bundle", "version", "result", "results", "agreed", "disagreed", "agreement", "95 % interval")
LIST_COLUMNS = ("feedback", "received", "opinion", "title", "job", "from", "document")
_DIGITS = 4


def report_json(row: Agreement) -> dict[str, object]:
    """Return a row of the report; ``outcome`` null: all results of the bundle version."""
    low, high = row.interval or (None, None)
    return {
        "bundle": row.bundle,
        "version": row.version,
        "outcome": None if row.outcome is None else row.outcome.value,
        "results": row.results,
        "agreed": row.agreed,
        "disagreed": row.disagreed,
        "agreement": _rounded(row.share),
        "low": _rounded(low),
        "high": _rounded(high),
    }


def report_row(row: Agreement) -> tuple[str, ...]:
    """Return a row of the report for people."""
    return (
        row.bundle,
        row.version,
        "all" if row.outcome is None else VERDICT_WORDS[row.outcome],
        str(row.results),
        str(row.agreed),
        str(row.disagreed),
        "" if row.share is None else f"{row.share:.0%}",
        "" if row.interval is None else "{:.0%} to {:.0%}".format(*row.interval),
    )


def feedback_json(one: FeedbackRecord) -> dict[str, object]:
    """Return what one document said about one result."""
    return {
        "id": one.id,
        "received_at": one.received_at,
        "opinion": one.opinion.value,
        "title": one.title,
        "job": one.job_id,
        "calling_ae": one.calling_ae,
        "sop_instance_uid": one.sop_instance_uid,
        "about_uid": one.about_uid,
    }


def feedback_row(one: FeedbackRecord, document: str) -> tuple[str, ...]:
    """Return the same for people; ``document`` is the keyed hash of the UID of what the reader stored."""
    return (
        str(one.id),
        local(one.received_at),
        one.opinion.value,
        plain(one.title),
        str(one.job_id),
        plain(one.calling_ae),
        document,
    )


def print_feedback(said: Sequence[FeedbackRecord]) -> None:
    """Print what was said about a result, below its job; nothing where nobody said anything."""
    if said:
        show_table(("feedback", "received", "title", "from"), [_short(one) for one in said])


def _short(one: FeedbackRecord) -> tuple[str, ...]:
    return one.opinion.value, local(one.received_at), plain(one.title), plain(one.calling_ae)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, _DIGITS)
