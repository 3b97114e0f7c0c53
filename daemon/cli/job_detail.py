"""Everything about one job as ``jobs show --json`` tells it."""

from hounsfield.daemon.cli.delivery_views import delivery_json
from hounsfield.daemon.cli.job_views import job_json, job_more
from hounsfield.daemon.event_words import event_fields
from hounsfield.daemon.job_story import JobDetail
from hounsfield.daemon.reason_texts import REASON_TEXTS
from hounsfield.storage.states import Reason


def detail_json(shown: JobDetail) -> dict[str, object]:
    """Return the fields of ``jobs list`` and, after them, the detail."""
    job = shown.job
    detail = {
        "max_attempts": job.max_attempts,
        "device": job.device,
        "worker": job.worker,
        "proof": job.proof.value,
        "available_at": job.available_at,
        "give_up_at": job.give_up_at,
        "timings": job.timings,
        "advice": [_advice_json(reason) for reason in shown.reasons],
        "timeline": [{"at": event.at} | event_fields(event) for event in shown.events],
        "objects": [
            {
                "role": one.role,
                "sop_instance_uid": one.sop_instance_uid,
                "size": one.size,
                "file": str(one.file),
                "preview": None if one.preview is None else str(one.preview),
            }
            for one in shown.objects
        ],
        "deliveries": [delivery_json(delivery) for delivery in shown.deliveries],
        "result": None if shown.result is None else shown.result.detail,
        "retracted_at": None if shown.retraction is None else shown.retraction.created_at,
    }
    return job_json(job) | detail | job_more(job)


def _advice_json(reason: Reason) -> dict[str, object]:
    text = REASON_TEXTS[reason]
    return {"reason": reason.value, "meaning": text.meaning, "advice": text.advice}
