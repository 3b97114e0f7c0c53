"""What must hold between the keys of ``[tls]``, ``[dicom]`` and ``[[peer]]``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hounsfield.daemon.config.sections import DicomSettings, Peer, TlsSettings
from hounsfield.daemon.config.values import is_loopback

_TEST_CERTIFICATES = "`hounsfield tls init` makes certificates for tests"


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule over several keys that does not hold, told at the key to change."""

    key: str
    wrong: str
    allowed: str


def broken_tls_rules(dicom: DicomSettings, tls: TlsSettings, peers: Sequence[Peer]) -> Iterator[BrokenRule]:
    """Yield every rule that is broken. Pure: whether the files are there and usable is asked later."""
    if tls.port is not None:
        yield from _rules_of_a_port(dicom, tls, bool(peers))
    for index, peer in enumerate(peers):
        if peer.certificate is None:
            continue
        key = f"peer[{index}].certificate"
        if tls.port is None:
            wrong = f'"{peer.ae_title}" could never come: certificates are shown over TLS only'
            yield BrokenRule(key, wrong, "set tls.port, or remove this key")
        elif tls.authority is None:
            wrong = f'"{peer.ae_title}" could never come: without tls.authority nobody is asked for a certificate'
            yield BrokenRule(key, wrong, "set tls.authority, or remove this key")


def _rules_of_a_port(dicom: DicomSettings, tls: TlsSettings, any_peer_named: bool) -> Iterator[BrokenRule]:
    if tls.port == dicom.port and tls.port != 0:
        wrong = f"{tls.port} is dicom.port, where plain DICOM is spoken"
        yield BrokenRule("tls.port", wrong, "give TLS a port of its own, usually 2762")
    if tls.certificate is None:
        wrong = "is missing, and tls.port is set"
        yield BrokenRule("tls.certificate", wrong, f"give the PEM file of our certificate; {_TEST_CERTIFICATES}")
    if tls.key is None:
        wrong = "is missing, and tls.port is set"
        yield BrokenRule("tls.key", wrong, f"give the PEM file of our private key; {_TEST_CERTIFICATES}")
    if tls.authority is None and tls.require_peer_certificate:
        allowed = "give the PEM file of who signs your peers' certificates, or set tls.require_peer_certificate = false"
        yield BrokenRule("tls.authority", "is missing, and tls.require_peer_certificate is true", allowed)
    if tls.host is not None and not (is_loopback(tls.host) or any_peer_named or dicom.allow_any_peer or dicom.learning):
        yield BrokenRule(
            "tls.host",
            f'"{tls.host}" can be reached from other machines, and no [[peer]] says who may send',
            "add a [[peer]] with ae_title and host for each sender, or listen on 127.0.0.1, "
            "or set dicom.allow_any_peer = true to take images from anybody with a valid certificate",
        )
