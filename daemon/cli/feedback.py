"""``hounsfield feedback``: what readers say about our results, by documents they store."""

from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.filters import OnwardsLimitOption
from hounsfield.daemon.cli.moments import moment, when
from hounsfield.daemon.cli.output import json_line, note, show_table
from hounsfield.daemon.cli.paging import Listing, pages

if TYPE_CHECKING:
    from hounsfield.storage.feedback import FeedbackRecord

app = typer.Typer(name="feedback", help="What readers say about results.", no_args_is_help=True)

_NONE_YET = "a reader's key object selection or report that comes back through our port counts: see [feedback]"


@app.command()
def report(
    since: Annotated[str | None, when("--since", "Only results made since then")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Count how often readers agree, per bundle, version and outcome, with a 95 % interval (Wilson).

    A result counts once, by what was said about it last. Readers who say nothing count for nothing, so the share is
    that of the results somebody spoke about, and no accuracy.
    """
    from hounsfield.daemon.cli.feedback_views import REPORT_COLUMNS, report_json, report_row
    from hounsfield.daemon.feedback.agreement import agreements

    with open_stores(config) as (_, database):
        rows = agreements(database.feedback.tally(moment("--since", since, database.now())))
    if as_json:
        for row in rows:
            json_line(report_json(row))
    elif rows:
        show_table(REPORT_COLUMNS, [report_row(row) for row in rows])
    if not rows:
        note("no results yet" if since is None else "no results since then")
    elif not any(row.agreed or row.disagreed for row in rows):
        note(f"no feedback on them: {_NONE_YET}")


@app.command("list")
def list_feedback(
    since: Annotated[str | None, when("--since", "Only what was received since then")] = None,
    after: Annotated[int, typer.Option(metavar="ID", help="Start behind this number.", min=0)] = 0,
    limit: OnwardsLimitOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List what was said about which result, in the order in which it came."""
    from hounsfield.daemon.cli.feedback_views import LIST_COLUMNS, feedback_json, feedback_row
    from hounsfield.daemon.logs import UidHasher

    with open_stores(config) as (settings, database):
        start = moment("--since", since, database.now())
        hash_of = UidHasher.of_home(settings.storage.shared_folder)

        def fetch(after_id: int, count: int) -> "list[FeedbackRecord]":
            return database.feedback.page(after_id=after_id, limit=count, since=start)

        shown = Listing(
            LIST_COLUMNS, feedback_json, lambda one: feedback_row(one, hash_of(one.sop_instance_uid)), as_json=as_json
        )
        last, _ = shown.show(pages(fetch, after, limit))
    if last is None:
        note("no such feedback" if after or since else f"no feedback yet: {_NONE_YET}")
