"""TLS of reception: who we are, whom we believe, and which protocol we speak (PS3.15 B.12, RFC 8996 and 9325).

The files may be replaced at any time; :meth:`TlsIdentity.context` follows them without a restart.
"""

import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.reception import TlsSettings
from hounsfield.daemon.errors import TlsUnusable
from hounsfield.daemon.reception.certificates import (
    AUTHORITY,
    CERTIFICATE,
    KEY,
    CertificateFacts,
    read_certificates,
    read_file,
)

log = structlog.get_logger("hounsfield.tls")

TLS_1_2_SUITES = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
)
"""Forward secrecy and AEAD only (RFC 9325 4.2). TLS 1.3 has no others by itself."""
_SECURITY_LEVEL = "@SECLEVEL=2"
"""No RSA key below 2048 bits, no SHA-1 signature, whatever the system's own configuration says."""
MOST_SESSIONS = 500
"""OpenSSL keeps TLS 1.2 sessions in the context, up to 20,480 of some kB each, and Python cannot switch it off: a
context with more than these is replaced by a fresh one."""
CHECK_SECONDS = 1.0
"""How often the files are looked at, at most: once in so long."""

FileState = tuple[int, int, int, int] | None
"""Modification and change time (ns), size, inode; None where there is no file to see."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What the files that ``[tls]`` names make together."""

    context: ssl.SSLContext
    certificate: CertificateFacts
    """Ours, the first of its file."""
    authorities: tuple[CertificateFacts, ...]

    def wrong_dates(self, now: datetime) -> Iterator[tuple[str, CertificateFacts]]:
        """Yield setting and certificate where the dates end TLS: ours, or the last authority that was still valid."""
        if not self.certificate.is_valid(now):
            yield CERTIFICATE, self.certificate
        if self.authorities and not any(authority.is_valid(now) for authority in self.authorities):
            yield AUTHORITY, max(self.authorities, key=lambda authority: authority.not_after)


class TlsIdentity:
    """Our certificate, our key and whom we believe, as the files say now. For any number of threads."""

    def __init__(self, settings: TlsSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._in_force: TlsFiles | None = None
        self._fault: TlsUnusable | None = None
        self._seen: tuple[FileState, ...] = ()
        self._next_look = clock.monotonic()
        self._told: set[tuple[str, str]] = set()

    def context(self) -> ssl.SSLContext:
        """Return the context for the next connection, made anew when a file has changed.

        Files that cannot be used leave the context before them in force, which the log tells once. Raises
        :class:`TlsUnusable` only while there has never been one that could be used: at start, or until they are mended.
        """
        with self._lock:
            self._look()
            if self._in_force is not None:
                return self._in_force.context
            fault = self._fault or TlsUnusable(CERTIFICATE, "has not been read")
            raise fault.with_traceback(None)  # raised again and again, it would gather the frames of every connection

    @property
    def fault(self) -> TlsUnusable | None:
        """Why the files as they were last seen are not in force; None when they are."""
        with self._lock:
            return self._fault

    @property
    def not_after(self) -> datetime | None:
        """When the certificate in force expires; None when none is in force."""
        with self._lock:
            return self._in_force.certificate.not_after if self._in_force else None

    def _look(self) -> None:
        now = self._clock.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + CHECK_SECONDS
        state = self._state()  # before reading: what changes meanwhile is seen at the next look
        if state != self._seen:
            self._seen = state
            self._load()
        elif self._in_force is not None and self._in_force.context.session_stats()["number"] > MOST_SESSIONS:
            self._refresh()
        self._tell_dates()

    def _state(self) -> tuple[FileState, ...]:
        settings = self._settings
        return tuple(_state(path) for path in (settings.certificate, settings.key, settings.authority))

    def _load(self) -> None:
        previous = self._in_force
        try:
            self._in_force = load_files(self._settings)
        except TlsUnusable as fault:
            self._fault = fault
            log.error(
                "TLS files cannot be used",
                setting=fault.setting,
                problem=str(fault),
                consequence="the certificate before stays in force" if previous else "no TLS connection is accepted",
            )
            return
        self._fault = None
        certificate = self._in_force.certificate
        log.info(
            "TLS certificate in force",
            reloaded=previous is not None,
            fingerprint=certificate.fingerprint,
            not_after=certificate.not_after.isoformat(),
        )

    def _refresh(self) -> None:
        if self._fault is None:
            with suppress(TlsUnusable):  # changed since the look a moment ago: the next look tells
                self._in_force = load_files(self._settings)

    def _tell_dates(self) -> None:
        """Tell once of each certificate that its dates are wrong. It stays in force: senders judge it, not we."""
        if self._in_force is None:
            return
        now = self._clock.now()
        for setting, facts in self._in_force.wrong_dates(now):
            told = (setting, facts.fingerprint)
            if told not in self._told:
                self._told.add(told)
                log.error("TLS certificate has wrong dates", setting=setting, problem=facts.dates_in_words(now))


def _state(path: Path | None) -> FileState:
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def load_files(settings: TlsSettings) -> TlsFiles:
    """Read the files and make the context for the server's side of a connection.

    Wrong dates are no fault here (:meth:`TlsFiles.wrong_dates`): they stop the peers that look at them, and a service
    that refused to start would stop plain DICOM too. Raises :class:`TlsUnusable`, which names the setting.
    """
    if settings.certificate is None or settings.key is None:
        raise TlsUnusable(KEY if settings.certificate else CERTIFICATE, "is not set", "name a PEM file")
    chain = read_certificates(CERTIFICATE, settings.certificate)
    read_file(KEY, settings.key)  # the ssl module does not say which of the two files it cannot read
    context = _protocol()
    _take_identity(context, settings.certificate, settings.key)
    authorities: tuple[CertificateFacts, ...] = ()
    if settings.authority is not None:
        authorities = read_certificates(AUTHORITY, settings.authority)
        _believe(context, settings.authority)
        context.verify_mode = ssl.CERT_REQUIRED if settings.require_peer_certificate else ssl.CERT_OPTIONAL
    elif settings.require_peer_certificate:  # never fall back to believing everybody
        raise TlsUnusable(AUTHORITY, "is not set, and tls.require_peer_certificate is true", "name a PEM file")
    return TlsFiles(context, chain[0], authorities)


def _protocol() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join((*TLS_1_2_SUITES, _SECURITY_LEVEL)))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # No tickets: none is there to be stolen, and a peer that sends and closes at once leaves none unread (its system
    # would answer those with a reset). TLS 1.2 can still resume from OpenSSL's cache, which holds the certificate.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


class _PassphraseWanted(Exception):
    """The key is encrypted; without this, OpenSSL would ask at the terminal and the service would hang."""


def _take_identity(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    def refuse() -> str:
        raise _PassphraseWanted

    try:
        context.load_cert_chain(certificate, key, password=refuse)
    except _PassphraseWanted:
        remedy = "write it without: `openssl pkey -in OLD -out NEW`, readable by the service's user only"
        raise TlsUnusable(KEY, f"{key} has a passphrase, which nobody enters for a service", remedy) from None
    except ssl.SSLError as error:
        reason = error.reason or ""
        if reason == "KEY_VALUES_MISMATCH":
            raise TlsUnusable(KEY, f"{key} is not the key of the first certificate in {certificate}") from error
        if "TOO_SMALL" in reason or "TOO_WEAK" in reason:
            problem = f"{certificate} is too weak ({reason})"
            remedy = "have one made with RSA of 2048 bits or more, or ECDSA P-256, signed with SHA-256 or better"
            raise TlsUnusable(CERTIFICATE, problem, remedy) from error
        problem = f"{key} holds no private key in PEM form that can be used ({reason or 'damaged'})"
        raise TlsUnusable(KEY, problem) from error
    except OSError as error:
        raise TlsUnusable(CERTIFICATE, f"{certificate} or {key} cannot be read ({error.strerror})") from error


def _believe(context: ssl.SSLContext, authority: Path) -> None:
    try:
        context.load_verify_locations(cafile=authority)
    except OSError as error:  # SSLError is one
        reason = getattr(error, "reason", None) or error.strerror
        raise TlsUnusable(AUTHORITY, f"{authority} cannot be used ({reason})") from error


_HANDSHAKE_WORDS = {
    "UNSUPPORTED_PROTOCOL": "it offers no TLS 1.2 or newer",
    "NO_SHARED_CIPHER": "it offers none of the cipher suites of PS3.15 B.12, or none for our kind of key",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it shows no certificate",
    "WRONG_VERSION_NUMBER": "it does not speak TLS (plain DICOM goes to dicom.port)",
    "HTTP_REQUEST": "it speaks HTTP",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know the authority of our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it finds our certificate expired",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not accept our certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not accept our certificate",
}


def handshake_words(error: OSError) -> str:
    """Return for the log why a handshake failed: OpenSSL's fixed words, never text of the peer."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return _HANDSHAKE_WORDS.get(error.reason, error.reason)
    return "it took too long" if isinstance(error, TimeoutError) else "the connection ended"
