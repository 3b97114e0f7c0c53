"""Destinations as the configuration would name them."""

from hounsfield.daemon.association.address import Address


def route(
    port: int,
    ae_title: str = "ORTHANC",
    *,
    host: str = "127.0.0.1",
    calling_ae: str = "HOUNSFIELD",
    acse_timeout_seconds: float = 5.0,
    dimse_timeout_seconds: float = 5.0,
) -> Address:
    """Return a Storage SCP on this machine, with short time-outs."""
    return Address(
        ae_title=ae_title,
        host=host,
        port=port,
        calling_ae=calling_ae,
        connect_timeout_seconds=2.0,
        acse_timeout_seconds=acse_timeout_seconds,
        dimse_timeout_seconds=dimse_timeout_seconds,
    )
