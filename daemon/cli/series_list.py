"""``hounsfield series list``: the newest first for people, the oldest first for programs that read on."""

from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.exits import UsageFault
from hounsfield.daemon.cli.filters import BeforeOption, LimitOption, ReasonOption, rows_wanted, tell_more
from hounsfield.daemon.cli.output import note
from hounsfield.daemon.cli.paging import Listing, pages, pages_back
from hounsfield.daemon.cli.pause_notes import tell_pauses
from hounsfield.storage.states import Reason, SeriesState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hounsfield.storage.engine import Database
    from hounsfield.storage.records import SeriesRecord


def list_series(
    state: Annotated[
        SeriesState | None, typer.Option("--state", help="Only series in this state.", case_sensitive=False)
    ] = None,
    reason: ReasonOption = None,
    study: Annotated[str | None, typer.Option(metavar="UID", help="Only of this Study Instance UID.")] = None,
    before: BeforeOption = None,
    after: Annotated[
        int | None,
        typer.Option(
            "--after",
            metavar="ID",
            help="Oldest first, behind this number, all of them: for programs that read on.",
            min=0,
        ),
    ] = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List series, the newest first, with what became of each.

    CLOSED: it is whole and goes to the models. HELD: a person has to decide. SKIPPED: no model wants it. RECEIVING:
    images still come. `series show` tells why.
    """
    from hounsfield.daemon.cli.series_views import COLUMNS, series_json, series_row
    from hounsfield.daemon.logs import UidHasher

    if before is not None and after is not None:
        raise UsageFault("--before and --after do not go together", "--before pages back, --after goes on")
    with open_stores(config) as (settings, database):
        tell_pauses(database.control)
        wanted = rows_wanted(limit, as_json=as_json or after is not None)
        if after is not None:
            found: Iterable[list[SeriesRecord]] = _onwards(database, (state, reason, study), after, wanted)
        elif study is not None:
            found = _of_study(database, (state, reason, study), before, wanted)
        else:
            found = _back(database, state, reason, before, wanted)
        hash_of = UidHasher.of_home(settings.storage.shared_folder)
        shown = Listing(COLUMNS, series_json, lambda one: series_row(one, hash_of(one.series_uid)), as_json=as_json)
        last, count = shown.show(found)
    if last is None:
        note("no such series" if any((after, before, state, reason, study)) else "no series yet")
    elif after is None and not as_json:
        tell_more(count, wanted, last)


def _back(
    database: "Database", state: SeriesState | None, reason: Reason | None, before: int | None, limit: int | None
) -> "Iterator[list[SeriesRecord]]":
    def fetch(before_id: int | None, count: int) -> "list[SeriesRecord]":
        return database.log_book.newest_series(state, reason=reason, before_id=before_id, limit=count)

    return pages_back(fetch, before, limit)


def _onwards(
    database: "Database",
    chosen: tuple[SeriesState | None, Reason | None, str | None],
    after: int,
    limit: int | None,
) -> "Iterator[list[SeriesRecord]]":
    state, reason, study = chosen

    def fetch(after_id: int, count: int) -> "list[SeriesRecord]":
        return database.series.page(after_id=after_id, limit=count, state=state, reason=reason, study_uid=study)

    return pages(fetch, after, limit)


def _of_study(
    database: "Database",
    chosen: tuple[SeriesState | None, Reason | None, str],
    before: int | None,
    limit: int | None,
) -> "list[list[SeriesRecord]]":
    """Return the few series of a study as one page."""
    state, reason, study = chosen
    found = [
        one
        for one in reversed(database.series.of_study(study))
        if (state is None or one.state is state)
        and (reason is None or one.reason is reason)
        and (before is None or one.id < before)
    ]
    return [found[:limit]] if found else []
