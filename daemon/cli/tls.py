"""``hounsfield tls``: certificates for tests, and what the configured ones say."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, read_settings
from hounsfield.daemon.cli.exits import CommandFailed, NotFound, UsageFault
from hounsfield.daemon.cli.new_files import write_new
from hounsfield.daemon.cli.output import json_line, note, show_lines

if TYPE_CHECKING:
    from datetime import datetime

    from hounsfield.daemon.config.reception import TlsSettings
    from hounsfield.daemon.reception.certificates import CertificateFacts

app = typer.Typer(
    name="tls", help="TLS: certificates for tests, and what the configured ones say.", no_args_is_help=True
)

DEFAULT_HOSTS = ("localhost", "127.0.0.1", "::1")
DEFAULT_PEERS = ("scanner",)
TLS_PORT = 2762
"""Registered for DICOM over TLS (dicom-tls)."""
_SECRET = 0o600
_PUBLIC = 0o644


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write them; made if it is not there.")],
    host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|ADDRESS", help="How peers reach us; may be repeated. Default: this machine only."),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(metavar="AE", help="AE title that gets a certificate; may be repeated. Default: scanner."),
    ] = None,
    days: Annotated[int, typer.Option(help="How long all of them are valid.", min=1, max=3650)] = 365,
) -> None:
    """Make an authority, our certificate and one for each peer, for tests, and print the configuration for them.

    Nothing is overwritten. The configuration goes to standard output, everything else to standard error.
    """
    from datetime import timedelta
    from secrets import token_hex

    from hounsfield.daemon.cli.trial_authority import TrialAuthority
    from hounsfield.daemon.clock import SystemClock

    hosts = _checked_hosts(host or DEFAULT_HOSTS)
    peers = _peer_files(peer or DEFAULT_PEERS)
    folder = folder.expanduser().absolute()
    # The number tells two test authorities apart: with equal names, OpenSSL would try the wrong one's key.
    authority = TrialAuthority(f"hounsfield test authority {token_hex(4)}", SystemClock().now(), timedelta(days=days))
    issued = {"authority": authority.issued, "server": authority.server(hosts)}
    issued |= {stem: authority.client(title) for title, stem in peers.items()}
    write_new(
        folder,
        {f"{stem}.key": (made.key, _SECRET) for stem, made in issued.items()}
        | {f"{stem}.pem": (made.certificate, _PUBLIC) for stem, made in issued.items()},
    )
    typer.echo(_configuration(folder, {title: issued[stem].fingerprint for title, stem in peers.items()}), nl=False)
    for title, stem in peers.items():
        command = _echoscu(folder, title, stem)
        note(f"{title} needs {stem}.pem, {stem}.key and authority.pem. DCMTK tries it with: {command}")
    note(
        f"These {len(issued)} certificates in {folder} are for tests: the keys have no passphrase, and whoever has "
        "authority.key can make more of them. For patients, take certificates of your hospital's authority"
    )


def _checked_hosts(hosts: Sequence[str]) -> list[str]:
    from hounsfield.daemon.config.values import HOST_ALLOWED, check_host

    try:
        return [check_host(host) for host in hosts]
    except ValueError as fault:
        raise UsageFault(f"--host: {fault}", f"allowed is {HOST_ALLOWED}") from fault


def _peer_files(titles: Sequence[str]) -> dict[str, str]:
    """Return the name that the files of each AE title get, without anything a path could be made of."""
    from hounsfield.daemon.config.values import AE_TITLE_ALLOWED, check_ae_title

    files: dict[str, str] = {}
    for given in titles:
        try:
            title = check_ae_title(given)
        except ValueError as fault:
            raise UsageFault(f"--peer: {fault}", f"allowed is {AE_TITLE_ALLOWED}") from fault
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in title)
        stem = f"peer-{safe}"
        if stem.lower() in {other.lower() for other in files.values()}:
            raise UsageFault(f"--peer: the files of '{title}' would have the names of another peer's")
        files[title] = stem
    return files


def _configuration(folder: Path, fingerprints: dict[str, str]) -> str:
    from hounsfield.daemon.config.annotated import toml_value

    lines = [
        "# For the configuration. Where it has a [tls] table already, these keys go there: TOML takes no table twice.",
        "[tls]",
        f"port = {TLS_PORT}",
        f"certificate = {toml_value(folder / 'server.pem')}",
        f"key = {toml_value(folder / 'server.key')}",
        f"authority = {toml_value(folder / 'authority.pem')}",
    ]
    for title, shown in fingerprints.items():
        lines += [
            "",
            "[[peer]]",
            f"ae_title = {toml_value(title)}",
            'host = "127.0.0.1"  # where it connects from',
            f"certificate = {toml_value(shown)}",
        ]
    return "\n".join(lines) + "\n"


def _echoscu(folder: Path, title: str, stem: str) -> str:
    import shlex

    return shlex.join(
        [
            *("echoscu", "+tls", str(folder / f"{stem}.key"), str(folder / f"{stem}.pem")),
            *("+cf", str(folder / "authority.pem"), "-aet", title, "-aec", "HOUNSFIELD", "127.0.0.1", str(TLS_PORT)),
        ]
    )


@app.command()
def show(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show the configured certificate and authority; exit 1 if TLS cannot work with them."""
    from hounsfield.daemon.clock import SystemClock
    from hounsfield.daemon.errors import TlsUnusable
    from hounsfield.daemon.reception.tls import load_files

    settings = read_settings(config).tls
    if settings.certificate is None:
        raise NotFound("tls.certificate is not set", "`hounsfield tls init` makes certificates for tests")
    now = SystemClock().now()
    found, unreadable = _readable(settings)
    for setting, facts in found:
        if as_json:
            json_line(_row(setting, facts, now))
        else:
            _print(setting, facts, now)
    if unreadable:  # tells of both files where both are broken; loading stops at the first
        raise CommandFailed("; ".join(unreadable))
    try:
        wrong = [f"{setting}: {facts.dates_in_words(now)}" for setting, facts in load_files(settings).wrong_dates(now)]
    except TlsUnusable as fault:
        raise CommandFailed(fault.problem, fault.remedy) from fault
    if wrong:
        raise CommandFailed("; ".join(wrong), "put a new one in its place: that counts without a restart")


def _readable(settings: "TlsSettings") -> "tuple[list[tuple[str, CertificateFacts]], list[str]]":
    """Return each certificate with its setting, and why the other files show nothing."""
    from hounsfield.daemon.errors import TlsUnusable
    from hounsfield.daemon.reception.certificates import AUTHORITY, CERTIFICATE, read_certificates

    found: list[tuple[str, CertificateFacts]] = []
    unreadable = []
    for setting, file in ((CERTIFICATE, settings.certificate), (AUTHORITY, settings.authority)):
        if file is None:
            continue
        try:
            found += [(setting, facts) for facts in read_certificates(setting, file)]
        except TlsUnusable as fault:
            unreadable.append(str(fault))
    return found, unreadable


def _row(setting: str, facts: "CertificateFacts", now: "datetime") -> dict[str, object]:
    return {
        "setting": setting,
        "subject": facts.subject,
        "issuer": facts.issuer,
        "names": list(facts.names),
        "not_before": facts.not_before,
        "not_after": facts.not_after,
        "days_left": facts.left(now).days,
        "fingerprint": facts.fingerprint,
    }


def _print(setting: str, facts: "CertificateFacts", now: "datetime") -> None:
    lines = {
        setting: facts.subject,
        "  issuer": facts.issuer,
        "  names": ", ".join(facts.names),
        "  dates": facts.dates_in_words(now),
        "  fingerprint": facts.fingerprint,
    }
    show_lines(lines.items(), 16)
