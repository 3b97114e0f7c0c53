"""Whom to ask, for proof and for the patient, about what a job delivers."""

from collections.abc import Callable

from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.delivery.senders import Senders
from hounsfield.daemon.query.find import QueryPeer
from hounsfield.storage.records import JobRecord

PeerOf = Callable[[JobRecord], QueryPeer | None]
"""Returns whom to ask about a job's objects; None if that cannot be said."""


def asks_storage(destination: Destination, calling_ae: str, senders: Senders) -> PeerOf:
    """Return who finds the application entity that stores a job's objects, for storage commitment."""

    def peer_of(job: JobRecord) -> QueryPeer | None:
        if destination.kind == "dicom":
            return _peer(destination, calling_ae, destination.ae_title, destination.host, destination.port)
        sender = senders.of(job)
        return (
            None if sender is None else _peer(destination, calling_ae, sender.ae_title, sender.host, destination.port)
        )

    return peer_of


def asks_query(destination: Destination, calling_ae: str, senders: Senders) -> PeerOf:
    """Return who finds the application entity that answers C-FIND for a job's destination."""
    storage = asks_storage(destination, calling_ae, senders)

    def peer_of(job: JobRecord) -> QueryPeer | None:
        found = storage(job)
        if found is None:
            return None
        return _peer(
            destination,
            calling_ae,
            destination.query_ae_title or found.ae_title,
            found.host,
            destination.query_port or found.port,
        )

    return peer_of


def query_peer(destination: Destination, calling_ae: str) -> QueryPeer | None:
    """Return who answers C-FIND for a destination of kind "dicom"; None for the others."""
    if destination.kind != "dicom":
        return None
    ae_title, port = destination.query_ae_title or destination.ae_title, destination.query_port or destination.port
    return _peer(destination, calling_ae, ae_title, destination.host, port)


def _peer(
    destination: Destination, calling_ae: str, ae_title: str | None, host: str | None, port: int | None
) -> QueryPeer:
    assert ae_title is not None  # validated with the configuration
    assert host is not None
    assert port is not None
    return QueryPeer(
        host=host,
        port=port,
        ae_title=ae_title,
        calling_ae=destination.calling_ae or calling_ae,
        timeout_seconds=destination.dimse_timeout_seconds,
    )
