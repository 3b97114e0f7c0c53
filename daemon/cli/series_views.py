"""How a series looks: its fixed JSON fields, its row in a table, and everything that is known of one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hounsfield.daemon.cli.job_views import JOB_COLUMNS, job_json, job_more, job_row
from hounsfield.daemon.cli.output import local, show_lines, show_table
from hounsfield.daemon.cli.patients import Revealed
from hounsfield.daemon.event_words import person_of
from hounsfield.daemon.job_story import all_events
from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.reason_texts import REASON_TEXTS
from hounsfield.daemon.verdict_texts import evidence_lines, verdict_json, verdict_text
from hounsfield.storage.records import AssociationRecord, EventRecord, JobRecord, SeriesRecord, Verdict

if TYPE_CHECKING:
    from hounsfield.storage.engine import Database

COLUMNS = ("id", "series", "rev", "state", "completeness", "reason", "images", "scanner", "last received")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesDetail:
    """What ``series show`` prints."""

    series: SeriesRecord
    verdict: Verdict | None
    """Of the current revision."""
    associations: tuple[AssociationRecord, ...]
    decisions: tuple[EventRecord, ...]
    """What persons decided."""
    jobs: tuple[JobRecord, ...]

    def as_json(self) -> dict[str, object]:
        """Return the fields of ``series list`` and, after them, the detail."""
        return (
            series_json(self.series)
            | _more(self.series)
            | {
                "verdict": verdict_json(self.verdict),
                "associations": [_association_json(one) for one in self.associations],
                "decisions": [_decision_json(event) for event in self.decisions],
                "jobs": [job_json(job) | job_more(job) for job in self.jobs],
            }
        )


def describe(series: SeriesRecord, database: "Database") -> SeriesDetail:
    """Collect everything that the log knows about ``series``."""
    return SeriesDetail(
        series=series,
        verdict=database.series.verdict(series.id, series.revision),
        associations=tuple(database.series.associations(series.id)),
        decisions=tuple(event for event in all_events(database.jobs, series_uid=series.series_uid) if person_of(event)),
        jobs=tuple(database.jobs.of_series(series.id)),
    )


def series_json(series: SeriesRecord) -> dict[str, object]:
    """Return the fields of ``series list --json``; fixed, later versions only add."""
    return {
        "series_uid": series.series_uid,
        "study_uid": series.study_uid,
        "revision": series.revision,
        "state": series.state.value,
        "completeness": None if series.completeness is None else series.completeness.value,
        "reason": None if series.reason is None else series.reason.value,
        "instances": series.instances,
        "id": series.id,
        "scanner": series.scanner,
    }


def series_row(series: SeriesRecord, shown: str) -> tuple[str, ...]:
    """Return the cells under :data:`COLUMNS`; ``shown`` is the keyed hash of its UID."""
    return (
        str(series.id),
        shown,
        str(series.revision),
        series.state.value,
        "" if series.completeness is None else series.completeness.value,
        "" if series.reason is None else series.reason.value,
        str(series.instances),
        escape_controls(series.scanner),
        local(series.last_received_at),
    )


def _more(series: SeriesRecord) -> dict[str, object]:
    return {
        "remarks": list(series.remarks),
        "duplicates": series.duplicates,
        "variants": series.variants,
        "first_received_at": series.first_received_at,
        "last_received_at": series.last_received_at,
        "closed_at": series.closed_at,
        "rule": series.rule,
        "waived": [reason.value for reason in series.waived],
        "images_removed_at": series.images_removed_at,
    }


def _association_json(one: AssociationRecord) -> dict[str, object]:
    return {
        "calling_ae": one.calling_ae,
        "address": one.peer_address,
        "at": one.opened_at,
        "ending": one.ending.value,
    }


def _decision_json(event: EventRecord) -> dict[str, object]:
    return {
        "at": event.at,
        "from_state": event.from_state,
        "to_state": event.to_state,
        "reason": None if event.reason is None else event.reason.value,
        "by": person_of(event),
    }


def print_detail(detail: SeriesDetail, hash_of: Callable[[str], str], revealed: Revealed | None = None) -> None:
    """Print the detail for a person: UIDs as keyed hashes, unless they asked to see the patient."""
    show_lines(_lines(detail, hash_of, revealed))
    show_table(
        ("from", "address", "opened", "ending"),
        [(one.calling_ae, one.peer_address, local(one.opened_at), one.ending.value) for one in detail.associations],
    )
    if detail.decisions:
        show_table(
            ("decided", "state", "by"),
            [(local(event.at), f"{event.from_state}>{event.to_state}", person_of(event)) for event in detail.decisions],
        )
    show_table(JOB_COLUMNS, [job_row(job, hash_of(job.series_uid)) for job in detail.jobs])
    show_lines(
        (f"job {job.id}", "; ".join([verdict_text(job.verdict), *_its_own(job.verdict, detail.verdict)]))
        for job in detail.jobs
        if job.verdict is not None
    )


def _lines(detail: SeriesDetail, hash_of: Callable[[str], str], revealed: Revealed | None) -> Iterator[tuple[str, str]]:
    """Yield the fields with their texts, the evidence behind the completeness."""
    for label, value in _fields(detail, hash_of, revealed).items():
        if label == "completeness" and detail.verdict is not None:
            yield label, verdict_text(detail.verdict)
            yield from ((f"  {name}", text) for name, text in evidence_lines(detail.verdict.evidence))
        else:
            yield label, _text(value)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return local(value)
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)


def _fields(detail: SeriesDetail, hash_of: Callable[[str], str], revealed: Revealed | None) -> dict[str, object]:
    series = detail.series
    fields = {**series_json(series), **_more(series), "scanner": escape_controls(series.scanner)}
    uids: dict[str, object] = {"series_uid": fields.pop("series_uid"), "study_uid": fields.pop("study_uid")}
    shown: dict[str, object] = {"series": hash_of(series.series_uid), "study": hash_of(series.study_uid)}
    text = None if series.reason is None else REASON_TEXTS[series.reason]
    told = {} if text is None else {"means": text.meaning, "what to do": text.advice}
    return {**shown, **({} if revealed is None else {"patient": revealed.words, **uids}), **fields, **told}


def _its_own(verdict: Verdict, of_series: Verdict | None) -> list[str]:
    """Return what a job's verdict rests on besides that of the series."""
    told = {} if of_series is None else of_series.evidence
    own = {key: value for key, value in verdict.evidence.items() if told.get(key) != value}
    return [f"{label} {text}" for label, text in evidence_lines(own)]
