"""``hounsfield echo``: does a peer answer?"""

from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli import completion
from hounsfield.daemon.cli.context import ConfigOption, read_settings
from hounsfield.daemon.cli.exits import NotFound, UsageFault

if TYPE_CHECKING:
    from pathlib import Path

    from hounsfield.daemon.scu import Peer


def echo(
    target: Annotated[
        str,
        typer.Argument(
            metavar="HOST:PORT|DESTINATION",
            help="An address, or the name of a configured destination.",
            autocompletion=completion.destinations,
        ),
    ],
    called: Annotated[str | None, typer.Option(metavar="AE", help="AE title to call; needed with HOST:PORT.")] = None,
    calling: Annotated[str | None, typer.Option(metavar="AE", help="AE title to call ourselves.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait.", min=0.1)] = 10.0,
    config: ConfigOption = None,
) -> None:
    """Verify by C-ECHO that a peer answers; exit 1 if it does not."""
    from hounsfield.daemon import scu

    peer = _peer(target, called, calling, config)
    seconds = scu.echo(peer, timeout)
    typer.echo(f"{peer.called_ae} at {peer.host}:{peer.port} answered in {seconds * 1000:.0f} ms")


def _peer(target: str, called: str | None, calling: str | None, config: "Path | None") -> "Peer":
    from hounsfield.daemon.scu import Peer, parse_address, peer_of

    if ":" in target:
        if called is None:
            raise UsageFault("--called AE is missing", "it is needed with HOST:PORT; many receivers check it")
        host, port = parse_address(target)
        return Peer(host, port, called, calling or "HOUNSFIELD_SCU")
    settings = read_settings(config)
    destination = next((one for one in settings.destination if one.name == target), None)
    if destination is None:
        names = ", ".join(one.name for one in settings.destination) or "none is configured"
        raise NotFound(f"there is no destination '{target}'", f"there are: {names}; or give HOST:PORT --called AE")
    if destination.kind != "dicom":
        raise UsageFault(f"destination '{target}' is a {destination.kind}", 'only those of kind "dicom" can be asked')
    peer = peer_of(destination, settings.dicom.ae_title)
    return Peer(peer.host, peer.port, called or peer.called_ae, calling or peer.calling_ae)
