"""Where the objects of a job go, and who is asked about them: for proof, and for the patient."""

from collections.abc import Callable

from hounsfield.daemon.association.address import Address
from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.delivery.senders import Senders
from hounsfield.daemon.query.archive import QueryPeer
from hounsfield.storage.records import JobRecord

AddressOf = Callable[[JobRecord], Address | None]
"""Returns the application entity that stores a job's objects; None if that cannot be said."""
PeerOf = Callable[[JobRecord], QueryPeer | None]
"""Returns the application entity that answers C-FIND about a job's objects; None if that cannot be said."""


def address_of(destination: Destination, calling_ae: str) -> Address:
    """Return where a destination of kind "dicom" is; ``calling_ae`` is used where it names none."""
    assert destination.ae_title is not None  # validated with the configuration
    assert destination.host is not None
    return _reached(destination, calling_ae, destination.ae_title, destination.host)


def stores_at(destination: Destination, calling_ae: str, senders: Senders) -> AddressOf:
    """Return who finds the Storage SCP of a job: the destination's own, or the sender of the images."""
    if destination.kind == "dicom":
        address = address_of(destination, calling_ae)
        return lambda _: address

    def sender_of(job: JobRecord) -> Address | None:
        sender = senders.of(job)
        return None if sender is None else _reached(destination, calling_ae, sender.ae_title, sender.host)

    return sender_of


def queries_at(destination: Destination, calling_ae: str, senders: Senders) -> PeerOf:
    """Return who finds the application entity that answers C-FIND for a job's destination."""
    storage = stores_at(destination, calling_ae, senders)

    def peer_of(job: JobRecord) -> QueryPeer | None:
        address = storage(job)
        return None if address is None else _asked_at(destination, address)

    return peer_of


def _asked_at(destination: Destination, address: Address) -> QueryPeer:
    return QueryPeer(
        host=address.host,
        port=destination.query_port or address.port,
        ae_title=destination.query_ae_title or address.ae_title,
        calling_ae=address.calling_ae,
        timeout_seconds=address.dimse_timeout_seconds,
    )


def _reached(destination: Destination, calling_ae: str, ae_title: str, host: str) -> Address:
    assert destination.port is not None  # validated with the configuration
    return Address(
        ae_title=ae_title,
        host=host,
        port=destination.port,
        calling_ae=destination.calling_ae or calling_ae,
        connect_timeout_seconds=destination.connect_timeout_seconds,
        acse_timeout_seconds=destination.acse_timeout_seconds,
        dimse_timeout_seconds=destination.dimse_timeout_seconds,
    )
