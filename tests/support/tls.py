"""TLS for tests: certificates of a test authority as files, and handshakes in memory, without socket or thread."""

import ssl
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hounsfield.daemon.cli.trial_authority import Issued, TrialAuthority
from hounsfield.daemon.config.reception import TlsSettings

NEWEST, TLS_1_2, TLS_1_1 = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_1


def authority(name: str = "test authority", *, now: datetime | None = None, days: float = 2) -> TrialAuthority:
    """Return an authority whose certificates are valid from an hour before ``now`` (default: now)."""
    return TrialAuthority(name, now or datetime.now(UTC), timedelta(days=days))


@dataclass(frozen=True)
class Files:
    """The files that ``[tls]`` names, in a folder."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        return self.folder / "server.key"

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    def write(self, believed: TrialAuthority, server: Issued) -> None:
        """Put a certificate, its key and whom to believe in their places."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate.write_bytes(server.certificate)
        self.key.write_bytes(server.key)
        self.authority.write_bytes(believed.issued.certificate)

    def settings(self, **changes: object) -> TlsSettings:
        values = {"port": 0, "certificate": self.certificate, "key": self.key, "authority": self.authority}
        return TlsSettings(**(values | changes))  # type: ignore[arg-type]

    def trusted(self) -> ssl.SSLContext:
        """Return a client that believes their authority, whatever the host is called."""
        context = ssl.create_default_context(cafile=self.authority)
        context.check_hostname = False
        return context


def some_server(folder: Path) -> Files:
    """Write a server of this machine into a folder, where nothing matters but that there is some TLS."""
    believed, files = authority(), Files(folder)
    files.write(believed, believed.server(["localhost"]))
    return files


def client_context(
    believed: TrialAuthority,
    folder: Path,
    shown: Issued | None = None,
    *,
    version: ssl.TLSVersion = NEWEST,
    suites: str = "DEFAULT",
) -> ssl.SSLContext:
    """Return a client that speaks up to ``version`` and shows a certificate, if it has one; files go to ``folder``."""
    context = ssl.create_default_context(cadata=believed.issued.certificate.decode())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what some tests are about
        context.minimum_version = min(version, ssl.TLSVersion.TLSv1_2)
        context.maximum_version = version
    if version < ssl.TLSVersion.TLSv1_2:
        suites += ":@SECLEVEL=0"  # else OpenSSL does not even offer it
    context.set_ciphers(suites)
    if shown is not None:
        certificate, key = folder / "client.pem", folder / "client.key"
        certificate.write_bytes(shown.certificate)
        key.write_bytes(shown.key)
        context.load_cert_chain(certificate, key)
    return context


@dataclass(frozen=True)
class Handshake:
    """How a handshake ended on both sides; None as error where it went through."""

    server: ssl.SSLObject
    client: ssl.SSLObject
    server_error: ssl.SSLError | None
    client_error: ssl.SSLError | None


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None = None) -> Handshake:
    """Let both sides talk until neither has anything to say."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname="localhost", session=session)
    errors: dict[ssl.SSLObject, ssl.SSLError | None] = {ours: None, theirs: None}
    waiting = [theirs, ours]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                errors[side] = error
            waiting.remove(side)
        if not waiting:
            break
    return Handshake(ours, theirs, errors[ours], errors[theirs])
