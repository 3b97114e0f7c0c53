"""What the doctor says of ``[tls]``."""

import errno
import socket
import ssl
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from hounsfield.daemon.cli.check import Check, Level
from hounsfield.daemon.config.reception import TlsSettings
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import TlsUnusable
from hounsfield.daemon.ports import what_hinders
from hounsfield.daemon.reception.certificates import AUTHORITY, CERTIFICATE, CertificateFacts
from hounsfield.daemon.reception.fingerprints import peer_fingerprint
from hounsfield.daemon.reception.tls import TlsFiles, load_files

PROBE_SECONDS = 5.0
SOON = timedelta(days=30)
_RENEW = "put a new one in its place in time: that counts without a restart"


def check_tls(settings: Settings, now: datetime) -> Iterator[Check]:
    """Tell whether TLS can work and how long, and whether the service uses these files; nothing where TLS is off."""
    if settings.tls.port is None:
        return
    try:
        files = load_files(settings.tls)
    except TlsUnusable as fault:
        yield Check("tls", Level.PROBLEM, fault.problem, fault.remedy)
        return
    yield from check_tls_files(settings.tls, files, now)
    yield check_tls_port(settings.tls_host, settings.tls.port, files.certificate.fingerprint)


def check_tls_port(host: str, port: int, expected: str) -> Check:
    """Tell whether the port is free, or held by a service that shows the certificate with the ``expected`` fingerprint.

    The service makes its context anew for this very connection when the files have changed.
    """
    where = f"tls.port: {host}:{port}"
    if port == 0:
        return Check("tls", Level.OK, "tls.port: any free one is taken")
    error = what_hinders(host, port)
    if error is None:
        return Check("tls", Level.OK, f"{where} is free: the service is not running")
    if error.errno != errno.EADDRINUSE:
        mend = "set tls.host to an address of this machine and tls.port to a port that the service may open"
        return Check("tls", Level.PROBLEM, f"{where} cannot be opened: {error.strerror}", mend)
    try:
        shown = _shown_certificate(host, port)  # Linux takes 0.0.0.0 and :: for this machine
    except OSError:
        mend = "stop the program that has the port, or set another tls.port"
        return Check("tls", Level.PROBLEM, f"{where} is taken by a program that does not answer over TLS", mend)
    if shown != expected:
        mend = "see the service's log for why it did not take the file; or another program has the port"
        return Check("tls", Level.PROBLEM, f"{where} shows another certificate than tls.certificate", mend)
    return Check("tls", Level.OK, f"{where}: the service shows tls.certificate")


def _shown_certificate(host: str, port: int) -> str | None:
    """Return the fingerprint of what a server shows; TLS 1.3 shows it before we are asked for one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # compared with our own file instead
    with (
        socket.create_connection((host, port), timeout=PROBE_SECONDS) as connection,
        context.wrap_socket(connection) as secured,
    ):
        return peer_fingerprint(secured)


def check_tls_files(settings: TlsSettings, files: TlsFiles, now: datetime) -> Iterator[Check]:
    """Tell how long each certificate is valid, and whether the key is kept well."""
    ended = dict(files.wrong_dates(now))
    named = [(CERTIFICATE, files.certificate), *((AUTHORITY, authority) for authority in files.authorities)]
    for setting, facts in named:
        yield _dates(setting, facts, now, is_end_of_tls=setting in ended)
    if settings.key is not None and _is_open_to_all(settings.key):
        mend = f"chmod 600 {settings.key}, owned by the service's user, and have the certificate made anew"
        yield Check("tls", Level.WARNING, f"tls.key: every user of this machine may read {settings.key}", mend)


def _dates(setting: str, facts: CertificateFacts, now: datetime, *, is_end_of_tls: bool) -> Check:
    message = f"{setting}: {facts.subject} {facts.dates_in_words(now)}"
    if is_end_of_tls:
        return Check("tls", Level.PROBLEM, message, "put a new one in its place: that counts without a restart")
    if not facts.is_valid(now) or facts.left(now) < SOON:
        return Check("tls", Level.WARNING, message, _RENEW)
    return Check("tls", Level.OK, message)


def _is_open_to_all(key: Path) -> bool:
    return bool(key.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
