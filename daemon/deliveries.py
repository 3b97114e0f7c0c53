"""What a destination answered for each object of a result, in words."""

from dataclasses import dataclass

from hounsfield.storage.records import JobRecord, ObjectDelivery, ResultObject

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


def object_name(one: ResultObject | None) -> str:
    """Return the role of an object, and its class where that is another one than usual."""
    if one is None:
        return ""
    role = one.role.upper()
    return role if one.variant_of is None else f"{role} {_CLASS_WORDS.get(one.sop_class_uid, 'in another class')}"
