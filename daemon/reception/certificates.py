"""What certificates say of themselves: for the log, the doctor and `hounsfield tls show`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hounsfield.daemon.errors import TlsUnusable
from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.reception.fingerprints import fingerprint

CERTIFICATE = "tls.certificate"
KEY = "tls.key"
AUTHORITY = "tls.authority"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """One certificate. Texts are fit for a terminal: what cannot be printed is escaped."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    """Host names and addresses it is made for (subjectAltName)."""
    not_before: datetime
    not_after: datetime
    fingerprint: str
    """SHA-256 of its DER form, as ``[[peer]]`` names it."""

    def is_valid(self, now: datetime) -> bool:
        """Whether ``now`` lies between its dates."""
        return self.not_before <= now <= self.not_after

    def left(self, now: datetime) -> timedelta:
        """Time until it expires; negative afterwards."""
        return self.not_after - now

    def dates_in_words(self, now: datetime) -> str:
        """Return ``expires on 2027-03-01, in 90 days``, or what is wrong with its dates."""
        if now < self.not_before:
            return f"is not valid before {self.not_before:%F %H:%M} UTC"
        if now > self.not_after:
            return f"expired on {self.not_after:%F %H:%M} UTC"
        return f"expires on {self.not_after:%F}, in {self.left(now).days} days"


def read_file(setting: str, path: Path) -> bytes:
    """Return the bytes of a file that ``setting`` names. Raises :class:`TlsUnusable`."""
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror})"
        raise TlsUnusable(setting, problem, "give the service's user a file that it may read") from error


def read_certificates(setting: str, path: Path) -> tuple[CertificateFacts, ...]:
    """Return the facts of every certificate in a PEM file, at least one. Raises :class:`TlsUnusable`."""
    content = read_file(setting, path)
    try:
        found = x509.load_pem_x509_certificates(content)
        return tuple(_facts(certificate) for certificate in found)
    except ValueError as error:  # its text may quote the file
        raise TlsUnusable(setting, f"{path} holds no certificate in PEM form, or a damaged one") from error


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names: tuple[str, ...] = ()
    else:
        hosts = [*extension.get_values_for_type(x509.DNSName), *extension.get_values_for_type(x509.IPAddress)]
        names = tuple(escape_controls(str(host)) for host in hosts)
    return CertificateFacts(
        subject=escape_controls(certificate.subject.rfc4514_string()),
        issuer=escape_controls(certificate.issuer.rfc4514_string()),
        names=names,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint=fingerprint(certificate.public_bytes(Encoding.DER)),
    )
