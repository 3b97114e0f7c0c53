"""Which objects of a result set a destination gets, and which of them it has. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.delivery.retry import is_kept
from hounsfield.daemon.results.profile import objects_of, profile_of
from hounsfield.storage.records import ObjectDelivery, ResultObject, StoredResultSet

REJECTION = "rejection"
"""Role of what takes results back: every destination gets it, whatever its ``results``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """What one DELIVER job sends, and how far it is."""

    wanted: tuple[ResultObject, ...]
    """What the destination is to have, none of them in another SOP class."""
    kept: tuple[ResultObject, ...]
    """What it has, in the form in which it took it."""
    missing: tuple[ResultObject, ...]
    """Those of ``wanted`` that it does not have in any form."""


def shipment_of(result: StoredResultSet, destination: Destination, delivered: Sequence[ObjectDelivery]) -> Shipment:
    """Compare what the destination is to have with what it answered."""
    wanted = _wanted(result, destination)
    names = {one.sop_instance_uid for one in wanted}
    there = {one.sop_instance_uid for one in delivered if is_kept(one.status)}
    kept = tuple(one for one in result.objects if one.sop_instance_uid in there and original_of(one) in names)
    have = {original_of(one) for one in kept}
    return Shipment(wanted=wanted, kept=kept, missing=tuple(one for one in wanted if one.sop_instance_uid not in have))


def original_of(one: ResultObject) -> str:
    """Return the SOP Instance UID of the object whose content it carries: its own, if it is no variant."""
    return one.variant_of or one.sop_instance_uid


def _wanted(result: StoredResultSet, destination: Destination) -> tuple[ResultObject, ...]:
    originals = [one for one in result.objects if one.variant_of is None]
    key = profile_of(destination).key
    notes = [one for one in originals if one.role == REJECTION]
    others = [one for one in originals if one.role != REJECTION]
    asked_for = [one for one in others if one.role in destination.results]
    return (*objects_of(notes, key), *objects_of(asked_for, key))
