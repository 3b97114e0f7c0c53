"""``hounsfield pause`` and ``resume``: stop a part of the service, and let it go on."""

from typing import Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.output import json_line, local, note, show_table
from hounsfield.daemon.cli.person import ByOption, person
from hounsfield.storage.control import Part, Pause

PartArgument = Annotated[Part, typer.Argument(help="What to let go on.", case_sensitive=False)]


def pause(
    part: Annotated[
        Part | None, typer.Argument(help="What to pause; without it, what is paused is listed.", case_sensitive=False)
    ] = None,
    text: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; no patient data.")] = "",
    by: ByOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Pause intake, inference or delivery until `hounsfield resume`; also across restarts.

    intake: new associations are rejected as transient, what is being sent may end. inference: workers begin no job.
    delivery: nothing is sent, no notification either. What has begun ends; nothing is lost.
    """
    with open_stores(config) as (_, database):
        if part is not None:
            wanted = Pause(part=part, since=database.now(), note=text, person=person(by))
            done = database.control.pause(wanted)
            if not as_json:
                typer.echo(f"{part} is paused" if done else f"{part} was paused already")
        pauses = database.control.pauses()
    if as_json:
        for one in pauses:
            json_line(pause_json(one))
    elif part is None and pauses:
        show_table(
            ("paused", "since", "by", "note"),
            [(one.part.value, local(one.since), one.person, one.note) for one in pauses],
        )
    elif part is None:
        note("nothing is paused")


def resume(part: PartArgument, by: ByOption = None, config: ConfigOption = None) -> None:
    """Let intake, inference or delivery go on. The job log says who paused and who resumed."""
    with open_stores(config) as (_, database):
        done = database.control.resume(part, database.now(), person(by))
    typer.echo(f"{part} goes on" if done else f"{part} was not paused")


def pause_json(pause: Pause) -> dict[str, object]:
    """Return the fields of ``pause --json``."""
    return {"part": pause.part.value, "since": pause.since, "by": pause.person, "note": pause.note}
