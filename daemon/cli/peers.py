"""``hounsfield peers``: who may send, who tried to, and the [[peer]] tables that would let them."""

from typing import TYPE_CHECKING

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores, opened, read_settings
from hounsfield.daemon.cli.output import json_line, local, note, show_table

if TYPE_CHECKING:
    from hounsfield.daemon.cli.peer_views import PeerStanding
    from hounsfield.daemon.config.settings import Settings
    from hounsfield.daemon.reception.known_peers import KnownPeers
    from hounsfield.storage.peer_records import SightingRecord

COLUMNS = ("AE title", "hosts", "certificate", "limit", "admitted", "refused", "last admitted", "last refused")

app = typer.Typer(name="peers", help="Senders: who may store, and who tried to.", no_args_is_help=True)


@app.command("list")
def list_peers(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the configured senders and what was seen of them."""
    from dataclasses import asdict

    from hounsfield.daemon.cli.peer_views import standing

    settings = read_settings(config)
    records = _sightings_if_any(settings)
    known = _known(settings)
    peers = [standing(peer, settings.dicom, known, records) for peer in settings.peer]
    if as_json:
        for peer in peers:
            json_line(asdict(peer))
    elif peers:
        show_table(COLUMNS, [_row(peer) for peer in peers])
    if not peers:
        note(f"no [[peer]] is configured: {_who_may_send(settings)}")


def _row(peer: "PeerStanding") -> tuple[str, ...]:
    return (
        peer.ae_title,
        ", ".join(peer.host),
        "" if peer.certificate is None else f"{peer.certificate[:12]}...",
        str(peer.max_associations),
        str(peer.admitted),
        str(peer.refused),
        local(peer.last_admitted_at),
        f"{local(peer.last_refused_at)} {peer.last_refused_reason or ''}".strip(),
    )


def _who_may_send(settings: "Settings") -> str:
    if settings.dicom.learning:
        return "dicom.learning = true admits and lists everybody"
    if settings.dicom.allow_any_peer:
        return "dicom.allow_any_peer = true admits everybody"
    return "everybody on this machine may send, and nobody else can"


@app.command()
def suggest(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    r"""Print [\[peer]] tables, ready to paste, for senders that no [\[peer]] knows; most frequent first.

    These were refused, or admitted by dicom.learning. Comments tell when and how often they came; what a table does
    not mend, such as another called AE title, stands in comments too.
    """
    from hounsfield.daemon.cli.peer_views import as_comment, as_toml, other_findings, sender_json, unknown_senders
    from hounsfield.storage.peer_records import SightingReason

    with open_stores(config) as (settings, database):
        records = database.peers.sightings()
    unknown = unknown_senders(records, _known(settings))
    others = list(other_findings(records, settings.dicom))
    if as_json:
        for reason, sender in [*((SightingReason.UNKNOWN_PEER, sender) for sender in unknown), *others]:
            json_line(sender_json(reason, sender))
    else:
        parts = [_head(settings)] if unknown else []
        parts += [as_toml(sender, settings.dicom) for sender in unknown]
        parts += ["# What no new [[peer]] mends:\n"] if others else []
        parts += [as_comment(reason, sender, settings.dicom) for reason, sender in others]
        if parts:
            typer.echo("\n".join(parts), nl=False)
    if not unknown and not others:
        note("nothing to suggest: no sender was refused, or admitted by dicom.learning, that the configuration lacks")


def _head(settings: "Settings") -> str:
    then = "then set dicom.learning = false and restart" if settings.dicom.learning else "then restart"
    return (
        "# Senders that no [[peer]] knows, the most frequent first. An AE title proves nothing: copy only those whose\n"
        f"# address you know into the configuration file, {then}.\n"
    )


@app.command()
def forget(config: ConfigOption = None) -> None:
    """Forget every sender that was seen; the configuration stays as it is."""
    with open_stores(config) as (_, database):
        typer.echo(f"{database.peers.forget()} sightings forgotten")


def _known(settings: "Settings") -> "KnownPeers":
    from hounsfield.daemon.clock import SystemClock
    from hounsfield.daemon.reception.known_peers import KnownPeers

    return KnownPeers(settings.peer, SystemClock())


def _sightings_if_any(settings: "Settings") -> "list[SightingRecord]":
    """Return what was seen; nothing where no database was made yet."""
    file = settings.storage.database_file
    if file is not None and not file.exists():
        return []
    with opened(settings) as database:
        return database.peers.sightings()
