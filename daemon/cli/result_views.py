"""How a result looks: its fixed JSON fields, its row in a table, and all that is known of one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hounsfield.daemon.cli.output import console, local, show_lines, show_table
from hounsfield.daemon.cli.patients import Revealed
from hounsfield.daemon.cli.retraction_views import retracted_words
from hounsfield.daemon.cli.score_views import score_lines
from hounsfield.daemon.deliveries import Delivery
from hounsfield.daemon.job_story import deliveries_of, retraction_of
from hounsfield.daemon.words import number, reason_words, verdict
from hounsfield.storage.recall import ResultFilter, ResultLine
from hounsfield.storage.records import StoredResultSet

if TYPE_CHECKING:
    from hounsfield.storage.engine import Database

COLUMNS = ("result", "job", "series", "rev", "what", "verdict", "score", "bundle", "made", "retracted")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDetail:
    """What ``results show`` prints."""

    line: ResultLine
    result: StoredResultSet
    deliveries: tuple[Delivery, ...]
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
            "deliveries": [_delivery_json(one) for one in self.deliveries],
            "detail": self.result.detail,
            "retraction": None if self.retraction is None else _retraction_json(self.retraction),
        }


def describe(result_id: int, database: "Database") -> ResultDetail | None:
    """Collect what is known of a result; None if there is none."""
    lines = database.recalls.page(ResultFilter(), after_id=result_id - 1, limit=1)
    result = database.jobs.result_set(result_id)
    if result is None or not lines or lines[0].id != result_id:
        return None
    return ResultDetail(
        line=lines[0],
        result=result,
        deliveries=tuple(deliveries_of(database.jobs, result.id, result.objects)),
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


def _delivery_json(delivery: Delivery) -> dict[str, object]:
    job = delivery.job
    return {
        "job": job.id,
        "kind": job.kind.value,
        "destination": job.destination,
        "state": job.state.value,
        "reason": None if job.reason is None else job.reason.value,
        "proof": job.proof.value,
        "objects": [
            {"sop_instance_uid": one.sop_instance_uid, "status": f"{one.status:04X}", "at": one.at}
            for one in delivery.sent
        ],
    }


def _retraction_json(retraction: StoredResultSet) -> dict[str, object]:
    return {"result": retraction.id, "at": retraction.created_at, **retraction.detail}


def print_detail(detail: ResultDetail, series: str, revealed: Revealed | None = None) -> None:
    """Print the detail; ``series`` is the keyed hash of its UID, which itself is shown with the patient only."""
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
    show_lines([*head, *score_lines(detail.result.detail)])
    console().print()
    objects = [(one.role.upper(), one.sop_instance_uid, str(one.size)) for one in detail.result.objects]
    show_table(("object", "SOP Instance UID", "bytes"), objects)
    show_table(
        ("destination", "job", "state", "reason", "objects answered"), [_delivery_row(one) for one in detail.deliveries]
    )


def _delivery_row(delivery: Delivery) -> tuple[str, ...]:
    job = delivery.job
    return job.destination or "", str(job.id), job.state.value, reason_words(job.reason), str(len(delivery.sent))
