"""``hounsfield alarms``: what is wrong, and what was."""

from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.exits import NotFound
from hounsfield.daemon.cli.output import json_line, local, note, show_table
from hounsfield.daemon.cli.paging import pages_back
from hounsfield.daemon.cli.person import ByOption, person, write_down

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hounsfield.storage.alarms import Alarm, AlarmStore

app = typer.Typer(name="alarms", help="What is wrong: list of open alarms, and looking after them.")

_COLUMNS = ("alarm", "kind", "subject", "since", "until", "means", "what to do")


@app.callback(invoke_without_command=True)
def alarms(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over too, the newest first.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List what is wrong, the oldest first. Each alarm begins once and ends once; docs/alarms.md says when."""
    if context.invoked_subcommand is not None:
        return
    with open_stores(config) as (_, database):
        found = _all(database.alarms) if everything else iter(database.alarms.open())
        if as_json:
            for alarm in found:
                json_line(_json(alarm))
            return
        rows = [_row(alarm) for alarm in found]
    if rows:
        show_table(_COLUMNS, rows)
    else:
        note("no alarm was ever raised" if everything else "no alarm is open")


@app.command()
def acknowledge(by: ByOption = None, config: ConfigOption = None) -> None:
    """Say that somebody has looked at the jobs that were given up: only others raise this alarm again.

    The other alarms end by themselves, when what they are about has ended.
    """
    from hounsfield.storage.alarms import AlarmKind
    from hounsfield.storage.operations import Action

    who = person(by)
    with open_stores(config) as (_, database):
        _, ended = database.alarms.set([AlarmKind.DEAD_LETTERS], [], database.now())
        for alarm in ended:
            write_down(database, Action.ALARM_ENDED, who, {"alarm": str(alarm.kind), "number": alarm.id})
    if not ended:
        raise NotFound("no alarm about jobs that were given up is open", "`hounsfield alarms` lists those that are")
    note("the alarm about jobs that were given up is over; `hounsfield jobs list --state DISCARDED` still lists them")


def _all(store: "AlarmStore") -> "Iterator[Alarm]":
    for page in pages_back(lambda before, count: store.newest(count, before), None, None):
        yield from page


def _row(alarm: "Alarm") -> list[str]:
    from hounsfield.daemon.alarms.words import BEGINS, facts, remedy

    what = BEGINS[alarm.kind]
    how = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts(alarm).items())
    means = f"{what} ({how})" if how else what
    do = "" if alarm.ended_at else remedy(alarm)
    return [str(alarm.id), str(alarm.kind), alarm.subject, local(alarm.began_at), local(alarm.ended_at), means, do]


def _json(alarm: "Alarm") -> dict[str, object]:
    from hounsfield.daemon.alarms.words import facts, remedy

    return {
        "alarm": alarm.id,
        "kind": str(alarm.kind),
        "subject": alarm.subject,
        "began_at": alarm.began_at,
        "ended_at": alarm.ended_at,
        "detail": facts(alarm),
        "do": remedy(alarm),
        "told": str(alarm.told),
    }
