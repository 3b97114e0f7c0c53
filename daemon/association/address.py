"""Where an application entity is reached, and how long we wait for it."""

from dataclasses import dataclass


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
