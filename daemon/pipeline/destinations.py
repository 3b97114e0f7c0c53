"""Which destinations get a result, and until when delivery is tried. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.config.values import is_loopback
from hounsfield.model.manifest import Manifest
from hounsfield.storage.records import DeliveryRequest, JobRecord
from hounsfield.storage.states import Outcome, Reason


def may_receive(destination: Destination, manifest: Manifest) -> bool:
    """A demonstration bundle speaks only to this machine unless the destination allows it."""
    here = destination.kind == "folder" or (destination.host is not None and is_loopback(destination.host))
    return manifest.clinical or destination.allow_demonstration or here


def deliveries(
    destinations: Sequence[Destination], manifest: Manifest, job: JobRecord, outcome: Outcome, now: datetime
) -> tuple[DeliveryRequest, ...]:
    """Return the DELIVER jobs of the result set of ``job``, with its priority.

    Those that shadow operation or the demonstration rule forbids are marked as withheld.
    """
    return tuple(
        DeliveryRequest(
            destination=destination.name,
            give_up_at=now + timedelta(days=destination.give_up_days),
            priority=job.priority,
            withheld=_withheld(destination, manifest, job),
        )
        for destination in destinations
        if (job.destinations is None or destination.name in job.destinations)
        and (outcome is not Outcome.NEGATIVE or destination.send_negative)
        and (outcome is not Outcome.NOT_ANALYSED or destination.send_not_analysed)
    )


def _withheld(destination: Destination, manifest: Manifest, job: JobRecord) -> Reason | None:
    if job.shadow:
        return Reason.SHADOW
    return None if may_receive(destination, manifest) else Reason.DEMONSTRATION
