"""Which destinations get a result, and until when delivery is tried. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address

from hounsfield.daemon.config.settings import Destination
from hounsfield.model.manifest import Manifest
from hounsfield.storage.records import DeliveryRequest
from hounsfield.storage.states import Outcome

DELIVERY_DAYS = 7
"""A PACS may be down over a long weekend; a result must not be given up meanwhile (results: delivery)."""


def is_loopback(host: str) -> bool:
    """Whether a configured host can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def may_receive(destination: Destination, manifest: Manifest) -> bool:
    """A demonstration bundle speaks only to loopback unless the destination allows it."""
    return manifest.clinical or destination.allow_demonstration or is_loopback(destination.host)


def deliveries(
    destinations: Sequence[Destination], manifest: Manifest, outcome: Outcome, now: datetime
) -> tuple[DeliveryRequest, ...]:
    """Return the DELIVER jobs of a result set."""
    return tuple(
        DeliveryRequest(destination=destination.name, give_up_at=now + timedelta(days=DELIVERY_DAYS))
        for destination in destinations
        if may_receive(destination, manifest)
        and (outcome is not Outcome.NEGATIVE or destination.send_negative)
        and (outcome is not Outcome.NOT_ANALYSED or destination.send_not_analysed)
    )
