"""Destinations as the configuration would name them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Route:
    """A ``[[destination]]`` with short time-outs."""

    port: int
    ae_title: str = "ORTHANC"
    host: str = "127.0.0.1"
    calling_ae: str | None = None
    connect_timeout_seconds: float = 2.0
    acse_timeout_seconds: float = 5.0
    dimse_timeout_seconds: float = 5.0
