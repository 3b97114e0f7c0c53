"""``hounsfield doctor``: what is wrong here, and how to mend it."""

from typing import Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, read_settings
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.output import console, json_line


def doctor(
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Instead: what an upgrade to this version would do, and whether it can.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per check.")] = False,
    config: ConfigOption = None,
) -> None:
    """Check configuration, ports, TLS, disk, database, bundles, device and peers; exit 1 if there is a problem.

    With --upgrade: what schema, configuration, libraries and bundles need before this version takes over from an older
    one. Nothing is changed; exit 0 means that it can.
    """
    from rich.text import Text

    from hounsfield.daemon.cli.check import Check, Level
    from hounsfield.daemon.cli.checks import all_checks
    from hounsfield.daemon.cli.upgrade_checks import upgrade_checks

    styles = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}
    screen = console()
    problems = 0

    def show(check: Check) -> None:
        if as_json:
            json_line(
                {"check": check.subject, "level": check.level.value, "message": check.message, "mend": check.mend}
            )
            return
        screen.print(Text.assemble((f"{check.level:<8}", styles[check.level]), f" {check.subject:<14}{check.message}"))
        if check.mend:
            screen.print(Text(f"{'':<9}{'':<14}-> {check.mend}", style="dim"))

    settings = read_settings(config)
    for check in upgrade_checks(settings) if upgrade else all_checks(settings):
        show(check)
        problems += check.level is Level.PROBLEM
    if problems:
        raise CommandFailed(f"{problems} problem{'s' if problems > 1 else ''} found")
