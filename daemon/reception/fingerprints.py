"""How a certificate is named: the SHA-256 of its DER form, as 64 lowercase hexadecimal digits, as in ``[[peer]]``."""

import hashlib
import ssl


def fingerprint(der: bytes) -> str:
    """Return that of a certificate's DER form."""
    return hashlib.sha256(der).hexdigest()


def peer_fingerprint(connection: ssl.SSLSocket | ssl.SSLObject) -> str | None:
    """Return that of the certificate which a peer has shown; None where it has shown none."""
    shown = connection.getpeercert(binary_form=True)
    return fingerprint(shown) if shown else None
