"""``hounsfield purge``: what has had its time, and removing it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.asking import YesOption, ask
from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_application
from hounsfield.daemon.cli.output import console, json_line, local, note, show_table
from hounsfield.daemon.cli.person import ORIGIN, ByOption, person

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hounsfield.daemon.clock import Clock
    from hounsfield.daemon.retention.purger import Purger, Rule, Tally
    from hounsfield.storage.operations import OperationLog

COLUMNS = ("what goes", "series", "files", "size", "oldest")


def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: YesOption = False,
    by: ByOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    r"""Remove images, results and rows of the job log that have had their time, as \[retention] says; asks before.

    Never what is unfinished, undelivered or unproven. May run beside the service, which does the same by itself where
    retention.enabled is set. Rows of the job log are written to storage.home/archive before they go.
    """
    who = person(by)
    with open_application(config) as application:
        purger = application.purger()
        with _looking() as look:
            plan = purger.plan(look)
        if not as_json or dry_run:
            _show(plan, as_json=as_json)
        if not application.settings.retention.enabled:
            note("retention.enabled is false: nothing of this goes by itself")
        if dry_run or not any(tally.series for tally in plan.values()):
            return
        ask("Remove all this for good?", yes=yes, instead="add --yes to remove it, or --dry-run to look only")
        went = _carry_out(purger, application.database.operations, application.clock, who)
    _show(went, as_json=as_json)


def _carry_out(purger: "Purger", operations: "OperationLog", clock: "Clock", who: str) -> "dict[Rule, Tally]":
    from hounsfield.daemon.retention.housekeeping import note_purge
    from hounsfield.daemon.retention.purger import Rule

    went = {}
    for rule in Rule:
        tally, _ = purger.carry_out(rule)
        if tally.series:
            note_purge(operations, rule, tally, clock, origin=ORIGIN, person=who)
        went[rule] = tally
    return went


@contextmanager
def _looking() -> Iterator[Callable[[int], object]]:
    """Give what is called for each series looked at; a terminal shows how many."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield lambda _: None
        return
    seen = 0
    with out.status("looking at series") as status:

        def look(_: int) -> None:
            nonlocal seen
            seen += 1
            if seen % 100 == 0:
                status.update(f"looking at series: {seen}")

        yield look


def _show(tallies: "Mapping[Rule, Tally]", *, as_json: bool) -> None:
    from hounsfield.daemon.retention.policy import KEEP_WORDS

    if as_json:
        for rule, tally in tallies.items():
            json_line(tally_json(rule, tally))
        return
    show_table(COLUMNS, [_row(rule, tally) for rule, tally in tallies.items()])
    for rule, tally in tallies.items():
        for keep, count in sorted(tally.kept.items()):
            typer.echo(f"kept, {rule.value}: {count} series with {KEEP_WORDS[keep]}")


def tally_json(rule: "Rule", tally: "Tally") -> dict[str, object]:
    """Return the fields of ``purge --json``; fixed, later versions only add."""
    return {
        "rule": rule.value,
        "series": tally.series,
        "files": tally.files,
        "bytes": tally.bytes,
        "oldest": tally.oldest,
        "kept": {keep.value: count for keep, count in sorted(tally.kept.items())},
    }


def _row(rule: "Rule", tally: "Tally") -> tuple[str, ...]:
    from hounsfield.daemon.retention.purger import RULE_WORDS

    return (RULE_WORDS[rule], str(tally.series), str(tally.files), _size(tally.bytes), local(tally.oldest))


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
