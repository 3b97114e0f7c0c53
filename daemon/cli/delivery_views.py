"""The story of a delivery: what each destination answered for each object, in words, and whether it is proven."""

from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.daemon.cli.output import local
from hounsfield.daemon.cli.words import reason_words
from hounsfield.storage.records import JobRecord, ObjectDelivery, ResultObject
from hounsfield.storage.states import JobKind, JobState, Proof

DELIVERY_COLUMNS = ("destination", "job", "state", "reason", "proof", "object", "SOP Instance UID", "status", "at")

_STATUS_WORDS = {
    0x0000: "stored",
    0x0106: "invalid attribute value",
    0x0110: "processing failure there",
    0x0111: "it had it already",
    0x0112: "it does not have it",
    0x0117: "invalid instance UID",
    0x0119: "another class than it knows it by",
    0x0122: "SOP class not supported",
    0x0124: "we are not authorized",
    0x0213: "no room there",
}
"""PS3.7 annex C, and the Failure Reasons of PS3.3 C.14."""
_CLASS_WORDS = {
    "1.2.840.10008.5.1.4.1.1.88.33": "as Comprehensive SR",
    "1.2.840.10008.5.1.4.1.1.88.22": "as Enhanced SR",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One destination of the result set and what it answered."""

    job: JobRecord
    sent: tuple[ObjectDelivery, ...]
    objects: tuple[ResultObject, ...]
    """Of the result set, with those in other SOP classes."""

    def object_of(self, sent: ObjectDelivery) -> ResultObject | None:
        """Return what was sent; None if the result set does not hold it."""
        return next((one for one in self.objects if one.sop_instance_uid == sent.sop_instance_uid), None)


def status_words(status: int) -> str:
    """Return what a status of C-STORE (PS3.4 B.2.3) or a Failure Reason means."""
    if status & 0xF000 == 0xB000:
        return "stored, with a warning"
    if status & 0xFF00 == 0xA700:
        return "no room there"
    if status & 0xFF00 == 0xA900:
        return "it does not match its class, says the destination"
    if status & 0xF000 == 0xC000:
        return "not understood there"
    return _STATUS_WORDS.get(status, "refused")


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


def object_name(one: ResultObject | None) -> str:
    """Return the role of an object, and its class where that is another one than usual."""
    if one is None:
        return ""
    role = one.role.upper()
    return role if one.variant_of is None else f"{role} {_CLASS_WORDS.get(one.sop_class_uid, 'in another class')}"


def _proof(job: JobRecord, sent: ObjectDelivery) -> str:
    if sent.proven_at is not None:
        return f"proven {local(sent.proven_at)}"
    return Proof.SENT.value if job.proof is Proof.SENT else Proof.NONE.value
