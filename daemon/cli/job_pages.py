"""``jobs show`` for a person: what is known of one job, on a page."""

from rich.text import Text

from hounsfield.daemon.cli.delivery_views import DELIVERY_COLUMNS, delivery_rows
from hounsfield.daemon.cli.moments import duration
from hounsfield.daemon.cli.output import console, file_link, local, show_lines, show_table
from hounsfield.daemon.cli.patients import Revealed
from hounsfield.daemon.cli.retraction_views import retracted_words
from hounsfield.daemon.cli.score_views import score_lines
from hounsfield.daemon.deliveries import status_words
from hounsfield.daemon.event_words import step
from hounsfield.daemon.job_story import JobDetail, ObjectPlace
from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.reason_texts import REASON_TEXTS
from hounsfield.daemon.verdict_texts import evidence_lines, verdict_text
from hounsfield.daemon.words import number, reason_words, subject, verdict
from hounsfield.storage.records import EventRecord, JobRecord
from hounsfield.storage.states import JobKind

TIMELINE = ("time", "+s", "stage", "state", "try", "seconds", "reason", "worker")
OBJECTS = ("object", "SOP Instance UID", "bytes", "file", "preview")
Line = tuple[str, str]
"""Label and text; one without text is left out."""


def print_detail(detail: JobDetail, series: str, revealed: Revealed | None = None) -> None:
    """Print the detail; ``series`` is the keyed hash of its UID, which itself is shown with the patient only."""
    show_lines([*_head(detail.job, series), *_who(detail, revealed), *_origin(detail.job)])
    show_lines([] if detail.result is None else score_lines(detail.result.detail))
    show_lines([*_of_result(detail), *_what_to_do(detail)])
    console().print()
    show_table(TIMELINE, [_moment(event, detail.job) for event in detail.events])
    if detail.objects:
        console().print()
        show_table(OBJECTS, [_object(one) for one in detail.objects])
    if detail.deliveries:
        console().print()
        show_table(DELIVERY_COLUMNS, delivery_rows(detail.deliveries))


def _head(job: JobRecord, series: str) -> list[Line]:
    waiting = f", due {local(job.available_at)}" if not job.state.is_final else ""
    return [
        ("job", f"{job.id}  {job.kind}  {job.state}{waiting}"),
        ("series", f"{series}  revision {job.revision}"),
        ("scanner", escape_controls(job.scanner)),
        ("what", subject(job)),
        ("verdict", verdict(job.outcome, job.reason)),
        ("reason", "" if job.outcome is not None else reason_words(job.reason)),
        ("score", number(job.score, 3)),
        ("attempts", f"{job.attempts} of {job.max_attempts}" if job.kind is JobKind.INFER else str(job.attempts)),
        ("device", job.device or ""),
        ("seconds", ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in job.timings.items())),
        ("took", duration((job.updated_at - job.created_at).total_seconds()) if job.state.is_final else ""),
        ("gives up", local(job.give_up_at)),
    ]


def _who(detail: JobDetail, revealed: Revealed | None) -> list[Line]:
    told = [] if revealed is None else [("patient", revealed.words), ("Series UID", detail.job.series_uid)]
    return [("retracted", retracted_words(detail.retraction)), *told]


def _origin(job: JobRecord) -> list[Line]:
    """Say why there is this job: the rule, and what was known of the series."""
    evidence = [] if job.verdict is None else evidence_lines(job.verdict.evidence)
    return [
        ("rule", job.rule or ""),
        ("shadow", "yes: nothing is sent" if job.shadow else ""),
        ("only to", ", ".join(job.destinations) or "nobody" if job.destinations is not None else ""),
        ("part", job.part[:8]),
        ("series is", verdict_text(job.verdict)),
        *[(f"  {label}", text) for label, text in evidence],
    ]


def _of_result(detail: JobDetail) -> list[Line]:
    kept = {} if detail.result is None else detail.result.detail
    remarks, runtime = kept.get("remarks"), kept.get("runtime")
    words = ", ".join(f"{key} {value}" for key, value in runtime.items()) if isinstance(runtime, dict) else ""
    return [*(("remark", str(one)) for one in (remarks if isinstance(remarks, list) else [])), ("ran with", words)]


def _what_to_do(detail: JobDetail) -> list[Line]:
    """Say of each reason that it met what it means and what can be done."""
    lines: list[Line] = []
    for reason in detail.reasons:
        text = REASON_TEXTS[reason]
        lines += [(reason.value, text.meaning), ("  what to do", text.advice)]
    return lines


def _moment(event: EventRecord, job: JobRecord) -> tuple[str, ...]:
    return (
        local(event.at),
        f"{(event.at - job.created_at).total_seconds():.2f}",
        *step(event),
        "" if event.attempt is None else str(event.attempt),
        number(event.seconds),
        _why(event),
        event.worker or "",
    )


def _why(event: EventRecord) -> str:
    """Return the reason, with what was answered where something was."""
    answer, statuses = event.detail.get("answer"), event.detail.get("statuses")
    told = [escape_controls(answer)] if isinstance(answer, str) else []
    told += [_status(one) for one in statuses if isinstance(one, str)] if isinstance(statuses, list) else []
    words = reason_words(event.reason)
    return f"{words} ({', '.join(told)})" if told else words


def _status(digits: str) -> str:
    try:
        return f"{digits} {status_words(int(digits, 16))}"
    except ValueError:
        return escape_controls(digits)


def _object(one: ObjectPlace) -> tuple[str | Text, ...]:
    preview = "" if one.preview is None else file_link(one.preview)
    return one.role.upper(), one.sop_instance_uid, str(one.size), file_link(one.file), preview
