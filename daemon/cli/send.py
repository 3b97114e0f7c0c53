"""``hounsfield send``: a C-STORE SCU for testing a route."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.exits import CommandFailed, NotFound
from hounsfield.daemon.cli.output import json_line, note
from hounsfield.daemon.cli.progress import one_step

if TYPE_CHECKING:
    from hounsfield.daemon.scu import Outcome, Peer, Sendable


def send(
    paths: Annotated[list[Path], typer.Argument(help="DICOM files, or folders that are searched for them.")],
    to: Annotated[str, typer.Option("--to", metavar="HOST:PORT", help="Where the receiver listens.")],
    called: Annotated[str, typer.Option("--called", metavar="AE", help="AE title of the receiver.")],
    calling: Annotated[str, typer.Option("--calling", metavar="AE", help="AE title to send as.")] = "HOUNSFIELD_SCU",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each answer.", min=0.1)] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per file.")] = False,
) -> None:
    """Send DICOM files by C-STORE, each in its own transfer syntax; exit 1 if any was not kept."""
    from hounsfield.daemon.scu import Peer, parse_address, scan

    host, port = parse_address(to)
    found = scan(paths)
    for path in found.not_dicom:
        note(f"not a DICOM file, left out: {path}")
    if not found.files:
        raise NotFound("there is no DICOM file in what was given; nothing was sent")
    outcomes = _send_all(Peer(host, port, called, calling), found.files, timeout)
    for outcome in outcomes:
        if as_json:
            status = None if outcome.status is None else f"{outcome.status:04X}"
            json_line({"path": str(outcome.path), "status": status, "problem": outcome.problem})
        elif outcome.problem is not None:
            note(f"failed: {outcome.path}: {outcome.problem}")
    failed = sum(outcome.problem is not None for outcome in outcomes)
    if failed:
        raise CommandFailed(f"{failed} of {len(outcomes)} files were not kept by {called} at {to}")
    if not as_json:
        typer.echo(f"{len(outcomes)} files sent to {called} at {to}")


def _send_all(peer: "Peer", files: "list[Sendable]", timeout: float) -> "list[Outcome]":
    from hounsfield.daemon.scu import store

    outcomes: list[Outcome] = []
    with one_step(f"to {peer.called_ae}") as tell:

        def report(outcome: "Outcome") -> None:
            outcomes.append(outcome)
            tell(len(outcomes), len(files))

        store(peer, files, report, timeout)
    return outcomes
