"""The story of a delivery: what each destination answered for each object, in words, and whether it is proven."""

from collections.abc import Sequence

from hounsfield.daemon.cli.output import local
from hounsfield.daemon.deliveries import Delivery, object_name, status_words
from hounsfield.daemon.words import reason_words
from hounsfield.storage.records import JobRecord, ObjectDelivery
from hounsfield.storage.states import JobKind, JobState, Proof

DELIVERY_COLUMNS = ("destination", "job", "state", "reason", "proof", "object", "SOP Instance UID", "status", "at")


def delivery_json(delivery: Delivery) -> dict[str, object]:
    """Return the fields of one delivery; fixed, later versions only add."""
    return {
        "job": delivery.job.id,
        "destination": delivery.job.destination,
        "state": delivery.job.state.value,
        "proof": delivery.job.proof.value,
        "reason": None if delivery.job.reason is None else delivery.job.reason.value,
        "objects": [_sent_json(delivery, one) for one in delivery.sent],
    }


def _sent_json(delivery: Delivery, sent: ObjectDelivery) -> dict[str, object]:
    known = delivery.object_of(sent)
    return {
        "sop_instance_uid": sent.sop_instance_uid,
        "status": f"{sent.status:04X}",
        "at": sent.at,
        "words": status_words(sent.status),
        "role": None if known is None else known.role,
        "sop_class_uid": None if known is None else known.sop_class_uid,
        "variant_of": None if known is None else known.variant_of,
        "proven_at": sent.proven_at,
    }


def delivery_rows(deliveries: Sequence[Delivery]) -> list[tuple[str, ...]]:
    """Return the cells under :data:`DELIVERY_COLUMNS`."""
    rows: list[tuple[str, ...]] = []
    for delivery in deliveries:
        job = delivery.job
        head = (job.destination or "", str(job.id), job.state.value, reason_words(job.reason))
        rows += [
            (
                *head,
                _proof(job, one),
                object_name(delivery.object_of(one)),
                one.sop_instance_uid,
                f"{one.status:04X} {status_words(one.status)}",
                local(one.at),
            )
            for one in delivery.sent
        ]
        if not delivery.sent:
            told = job.kind is JobKind.NOTIFY and job.state is JobState.COMPLETED
            rows.append((*head, "", "", "", "told" if told else "not sent", local(job.updated_at) if told else ""))
    return rows


def _proof(job: JobRecord, sent: ObjectDelivery) -> str:
    if sent.proven_at is not None:
        return f"proven {local(sent.proven_at)}"
    return Proof.SENT.value if job.proof is Proof.SENT else Proof.NONE.value
