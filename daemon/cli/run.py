"""``hounsfield run``: the service in the foreground."""

from typing import Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, read_settings
from hounsfield.daemon.cli.exits import UsageFault
from hounsfield.daemon.roles import Role


def run(
    config: ConfigOption = None,
    role: Annotated[
        list[Role] | None,
        typer.Option(
            "--role",
            help="Run only this part; may be repeated. Without it all of them. The console is not in this version yet.",
        ),
    ] = None,
) -> None:
    """Receive, analyse, deliver, until SIGTERM; prints `ready dicom=HOST:PORT ae=TITLE` when senders may come."""
    if Role.CONSOLE in (role or []):
        raise UsageFault(
            "this version has no console: leave out --role console; `hounsfield jobs tail -f` shows the log"
        )
    from hounsfield.daemon.service import run as serve

    settings = read_settings(config)
    raise typer.Exit(serve(settings, config, role or []))
