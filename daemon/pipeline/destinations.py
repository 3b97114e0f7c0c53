"""Which destinations get a result, who is told of it, and until when that is tried. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from hounsfield.daemon.config.destinations import Destination, Notifier
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.config.values import is_loopback
from hounsfield.model.manifest import Manifest
from hounsfield.storage.records import DeliveryRequest, JobRecord
from hounsfield.storage.states import JobKind, Outcome, Reason


def may_receive(destination: Destination, manifest: Manifest) -> bool:
    """A demonstration bundle speaks only to this machine unless the destination allows it."""
    here = destination.kind == "folder" or (destination.host is not None and is_loopback(destination.host))
    return manifest.clinical or destination.allow_demonstration or here


def may_be_told(notifier: Notifier, manifest: Manifest) -> bool:
    """Whether a bundle may speak to ``notifier``: the rule of :func:`may_receive`."""
    return manifest.clinical or notifier.allow_demonstration or is_local(notifier)


def is_local(notifier: Notifier) -> bool:
    """Whether what it is told stays on this machine."""
    host = notifier.host if notifier.kind == "hl7" else urlsplit(notifier.url or "").hostname
    return host is not None and is_loopback(host)


def requests_of(
    settings: Settings, manifest: Manifest, job: JobRecord, outcome: Outcome, now: datetime
) -> tuple[DeliveryRequest, ...]:
    """Return the DELIVER and NOTIFY jobs of the result set of ``job``."""
    return (
        *deliveries(settings.destination, manifest, job, outcome, now),
        *notifications(settings.notify, manifest, job, outcome, now),
    )


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
            withheld=_withheld(job, allowed=may_receive(destination, manifest)),
        )
        for destination in destinations
        if (job.destinations is None or destination.name in job.destinations)
        and (outcome is not Outcome.NEGATIVE or destination.send_negative)
        and (outcome is not Outcome.NOT_ANALYSED or destination.send_not_analysed)
    )


def notifications(
    notifiers: Sequence[Notifier], manifest: Manifest, job: JobRecord, outcome: Outcome, now: datetime
) -> tuple[DeliveryRequest, ...]:
    """Return the NOTIFY jobs of the result set of ``job``, withheld for the same reasons as deliveries.

    A rule that names its destinations says where objects go, not who is told: it narrows the notifications only where
    it names some of them too, or sends its results to nobody.
    """
    named = [notifier for notifier in notifiers if notifier.name in (job.destinations or ())]
    everybody = job.destinations is None or (job.destinations and not named)
    return tuple(
        DeliveryRequest(
            kind=JobKind.NOTIFY,
            destination=notifier.name,
            give_up_at=now + timedelta(days=notifier.give_up_days),
            priority=job.priority,
            withheld=_withheld(job, allowed=may_be_told(notifier, manifest)),
        )
        for notifier in (notifiers if everybody else named)
        if outcome.value in notifier.outcomes
    )


def _withheld(job: JobRecord, *, allowed: bool) -> Reason | None:
    if job.shadow:
        return Reason.SHADOW
    return None if allowed else Reason.DEMONSTRATION
