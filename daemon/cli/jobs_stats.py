"""``hounsfield jobs stats``: how much, how fast, and what went wrong."""

from typing import Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.counted_by import By
from hounsfield.daemon.cli.moments import moment_of, when
from hounsfield.daemon.cli.output import json_line
from hounsfield.daemon.cli.pause_notes import tell_pauses


def stats(
    since: Annotated[str, when("--since", "From then until now")] = "24h",
    by: Annotated[
        By | None, typer.Option("--by", help="Count by this only; without it by each.", case_sensitive=False)
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show throughput, latency percentiles, outcomes and failures of a stretch of time, and what waits now.

    Latencies are seconds from the creation of a job to its end, and of each stage of its last attempt; 95 means that
    95 of 100 were as fast. Jobs count by when they ended.
    """
    from hounsfield.daemon.cli.stats_views import collect, print_statistics

    with open_stores(config) as (_, database):
        now = database.now()
        begin = moment_of("--since", since, now)
        tell_pauses(database.control)
        found = collect(database.log_book, begin, now, by)
    if as_json:
        json_line(found.as_json())
    else:
        print_statistics(found)
