"""What only a person decides about a series: release, discard, replay."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, open_stores
from hounsfield.daemon.cli.exits import CommandFailed, NotFound, UsageFault
from hounsfield.daemon.cli.moments import moment, when
from hounsfield.daemon.cli.output import note
from hounsfield.daemon.cli.paging import pages
from hounsfield.daemon.cli.person import ByOption, person
from hounsfield.daemon.cli.which_series import SeriesArgument, find, look_up
from hounsfield.storage.states import Reason, SeriesState

if TYPE_CHECKING:
    from hounsfield.storage.engine import Database
    from hounsfield.storage.records import SeriesRecord

SinceOption = Annotated[
    str | None, when("--since", "With --reason or --all-unmatched, only what was last received since then")
]


def release(uid: SeriesArgument, by: ByOption = None, config: ConfigOption = None) -> None:
    """Let a HELD series go on: it is assembled and judged again, and what held it counts no more.

    Until another image comes. A series of two patients or two studies is never released.
    """
    from hounsfield.daemon.words import never_released

    who = person(by)
    with open_stores(config) as (settings, database):
        series = find(database, settings.storage.shared_folder, uid)
        if why := never_released(series):
            raise CommandFailed(
                f"{why} and is never analysed",
                "discard it with `hounsfield series discard UID`, and have the sender send it again corrected, "
                "under a new Series Instance UID",
            )
        if not database.series.release(series.id, database.now(), who):
            raise CommandFailed(f"the series is {series.state}: only a HELD series can be released")
    typer.echo("released; the assembler looks at it again after the quiet period")


def discard(uid: SeriesArgument, by: ByOption = None, config: ConfigOption = None) -> None:
    """Decide that a HELD series is not analysed: it becomes SKIPPED, what was received stays."""
    who = person(by)
    with open_stores(config) as (settings, database):
        series = find(database, settings.storage.shared_folder, uid)
        if not database.series.discard(series.id, Reason.OPERATOR, database.now(), who):
            raise CommandFailed(f"the series is {series.state}: only a HELD series can be discarded")
    typer.echo("skipped by operator; `hounsfield series replay UID` has it looked at anew")


def replay(
    uids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[UID|HASH...]", help="Series Instance UIDs, or their hashes that `series list` shows."),
    ] = None,
    reason: Annotated[
        Reason | None, typer.Option(help="All that were SKIPPED for this reason.", case_sensitive=False)
    ] = None,
    since: SinceOption = None,
    all_unmatched: Annotated[
        bool, typer.Option("--all-unmatched", help="All that no rule matched: the same as --reason no-rule.")
    ] = False,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Have SKIPPED series looked at again, by the rules as they are now."""
    if (bool(uids), reason is not None, all_unmatched).count(True) != 1:
        raise UsageFault("say which series", "give UIDs, or --reason CODE, or --all-unmatched")
    if since is not None and uids:
        raise UsageFault("--since does not go with UIDs", "it goes with --reason and --all-unmatched")
    who = person(by)
    with open_stores(config) as (settings, database):
        round_ = _Replay(database, who)
        if uids:
            home = settings.storage.shared_folder
            round_.named({uid: look_up(database, home, uid) for uid in uids})
        else:
            round_.matching(reason or Reason.NO_RULE, moment("--since", since, database.now()))
    round_.tell()


@dataclass(slots=True)
class _Replay:
    """One ``series replay``: what became of each series."""

    database: "Database"
    by: str
    replayed: int = 0
    missing: int = 0
    removed: int = 0
    refused: list[str] = field(default_factory=list)

    def named(self, found: "Mapping[str, SeriesRecord | None]") -> None:
        """Replay these, by what they were called; whatever cannot be is told at the end."""
        for uid, series in found.items():
            if series is None:
                self.missing += 1
            elif self._one(series):
                typer.echo(f"{uid}: looked at again")
            elif series.state is not SeriesState.SKIPPED:
                self.refused.append(f"{uid} is {series.state}")

    def matching(self, reason: Reason, since: datetime | None) -> None:
        """Replay all that were skipped for ``reason``."""
        for series in self._skipped(reason):
            if since is None or series.last_received_at >= since:
                self._one(series)

    def _skipped(self, reason: Reason) -> "Iterator[SeriesRecord]":
        def fetch(after_id: int, count: int) -> "list[SeriesRecord]":
            return self.database.series.page(after_id=after_id, limit=count, state=SeriesState.SKIPPED, reason=reason)

        for page in pages(fetch, 0, None):
            yield from page

    def _one(self, series: "SeriesRecord") -> bool:
        if series.instances == 0 or series.images_removed_at is not None:
            self.removed += 1
            return False
        done = self.database.series.replay(series.id, self.database.now(), self.by)
        if not done and series.state is SeriesState.SKIPPED:  # some of its images came again, not all
            self.removed += 1
        self.replayed += done
        return done

    def tell(self) -> None:
        """Print the sum; raise for what could not be done."""
        typer.echo(f"{self.replayed} series {'is' if self.replayed == 1 else 'are'} looked at again")
        if self.removed:
            note(f"{self.removed} whose images were removed after their time: send all of them again, unchanged")
        if self.refused:
            raise CommandFailed(f"{', '.join(self.refused)}: not looked at again, only SKIPPED series can be")
        if self.missing:
            raise NotFound(
                f"{self.missing} of these series are not here", "`hounsfield series list` shows those there are"
            )
