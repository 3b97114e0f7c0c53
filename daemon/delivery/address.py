"""Where an application entity is reached, and how long we wait for it."""

from dataclasses import dataclass

from hounsfield.daemon.config.destinations import Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An application entity that we call. All times in seconds."""

    ae_title: str
    host: str
    port: int
    calling_ae: str
    """AE title we call ourselves there."""
    connect_timeout_seconds: float = 10.0
    """For the TCP connection."""
    acse_timeout_seconds: float = 30.0
    """For the answer to the association request."""
    dimse_timeout_seconds: float = 60.0
    """For the answer to each message, and for any other silence."""


def address_of(destination: Destination, calling_ae: str) -> Address:
    """Return where a destination of kind "dicom" is; ``calling_ae`` is used where it names none."""
    assert destination.ae_title is not None  # validated with the configuration
    assert destination.host is not None
    assert destination.port is not None
    return Address(
        ae_title=destination.ae_title,
        host=destination.host,
        port=destination.port,
        calling_ae=destination.calling_ae or calling_ae,
        connect_timeout_seconds=destination.connect_timeout_seconds,
        acse_timeout_seconds=destination.acse_timeout_seconds,
        dimse_timeout_seconds=destination.dimse_timeout_seconds,
    )
