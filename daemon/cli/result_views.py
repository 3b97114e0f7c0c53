"""How a result looks: its fixed JSON fields, its row in a table, and all that is known of one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from hounsfield.daemon.cli.job_detail import LABEL
from hounsfield.daemon.cli.output import console, local, show_table
from hounsfield.daemon.cli.patients import Revealed
from hounsfield.daemon.cli.retraction_views import retracted_words
from hounsfield.daemon.cli.score_views import score_lines
from hounsfield.daemon.job_story import retraction_of
from hounsfield.daemon.words import number, reason_words, verdict
from hounsfield.storage.recall import ResultFilter, ResultLine
from hounsfield.storage.records import JobRecord, ObjectDelivery, StoredResultSet

if TYPE_CHECKING:
    from hounsfield.storage.engine import Database

COLUMNS = ("result", "job", "series", "rev", "what", "verdict", "score", "bundle", "made", "retracted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One delivery of the result and what was answered."""

    job: JobRecord
    sent: tuple[ObjectDelivery, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDetail:
    """What ``results show`` prints."""

    line: ResultLine
    result: StoredResultSet
    sendings: tuple[Sending, ...]
    retraction: StoredResultSet | None

    def as_json(self) -> dict[str, object]:
        """Return the fields of ``results list`` and, after them, the detail."""
        return line_json(self.line) | {
            "objects": [
                {
                    "role": one.role,
                    "sop_class_uid": one.sop_class_uid,
                    "sop_instance_uid": one.sop_instance_uid,
                    "size": one.size,
                    "profile": one.profile,
                    "variant_of": one.variant_of,
                }
                for one in self.result.objects
            ],
            "deliveries": [_sending_json(sending) for sending in self.sendings],
            "detail": self.result.detail,
            "retraction": None if self.retraction is None else _retraction_json(self.retraction),
        }


def describe(result_id: int, database: "Database") -> ResultDetail | None:
    """Collect what is known of a result; None if there is none."""
    lines = database.recalls.page(ResultFilter(), after_id=result_id - 1, limit=1)
    result = database.jobs.result_set(result_id)
    if result is None or not lines or lines[0].id != result_id:
        return None
    deliveries = database.jobs.deliveries_of(result_id)
    return ResultDetail(
        line=lines[0],
        result=result,
        sendings=tuple(Sending(job=job, sent=tuple(database.jobs.delivered_objects(job.id))) for job in deliveries),
        retraction=retraction_of(database.jobs, result),
    )


def line_json(line: ResultLine) -> dict[str, object]:
    """Return the fields of ``results list --json``; fixed, later versions only add."""
    return {
        "id": line.id,
        "job": line.job_id,
        "series_uid": line.series_uid,
        "revision": line.revision,
        "bundle": line.bundle,
        "bundle_version": line.bundle_version,
        "kind": line.kind.value,
        "outcome": line.outcome.value,
        "reason": None if line.reason is None else line.reason.value,
        "score": line.score,
        "created_at": line.created_at,
        "replaces": line.replaces,
        "retracted": line.is_retracted,
    }


def line_row(line: ResultLine, series: str) -> tuple[str, ...]:
    """Return the cells under :data:`COLUMNS`; ``series`` is the keyed hash of its UID."""
    return (
        str(line.id),
        str(line.job_id),
        series,
        str(line.revision),
        _what(line),
        verdict(line.outcome, line.reason),
        number(line.score, 3),
        f"{line.bundle or ''} {line.bundle_version or ''}".strip(),
        local(line.created_at),
        "retracted" if line.is_retracted else "",
    )


def _what(line: ResultLine) -> str:
    return line.kind.value if line.replaces is None else f"{line.kind.value} of {line.replaces}"


def _sending_json(sending: Sending) -> dict[str, object]:
    return {
        "job": sending.job.id,
        "kind": sending.job.kind.value,
        "destination": sending.job.destination,
        "state": sending.job.state.value,
        "reason": None if sending.job.reason is None else sending.job.reason.value,
        "proof": sending.job.proof.value,
        "objects": [
            {"sop_instance_uid": one.sop_instance_uid, "status": f"{one.status:04X}", "at": one.at}
            for one in sending.sent
        ],
    }


def _retraction_json(retraction: StoredResultSet) -> dict[str, object]:
    return {"result": retraction.id, "at": retraction.created_at, **retraction.detail}


def print_detail(detail: ResultDetail, series: str, revealed: Revealed | None = None) -> None:
    """Print the detail; ``series`` is the keyed hash of its UID, which itself is shown with the patient only."""
    screen = console()
    line = detail.line
    head = [
        ("result", f"{line.id}  {_what(line)}  of job {line.job_id}"),
        ("series", f"{series}  revision {line.revision}"),
        *([] if revealed is None else [("patient", revealed.words), ("Series UID", line.series_uid)]),
        ("bundle", f"{line.bundle or ''} {line.bundle_version or ''}".strip()),
        ("verdict", verdict(line.outcome, line.reason)),
        ("score", number(line.score, 3)),
        ("made", local(line.created_at)),
        ("retracted", retracted_words(detail.retraction)),
    ]
    for label, value in head:
        if value:
            screen.print(Text.assemble((f"{label:<{LABEL}}", "bold"), value))
    for scores in score_lines(detail.result.detail, LABEL):
        screen.print(scores)
    screen.print()
    objects = [(one.role.upper(), one.sop_instance_uid, str(one.size)) for one in detail.result.objects]
    show_table(("object", "SOP Instance UID", "bytes"), objects)
    rows = [
        (
            sending.job.destination or "",
            str(sending.job.id),
            sending.job.state.value,
            reason_words(sending.job.reason),
            str(len(sending.sent)),
        )
        for sending in detail.sendings
    ]
    show_table(("destination", "job", "state", "reason", "objects answered"), rows)
