"""Options that choose what a listing, a tail or a count is about. The same word means the same everywhere."""

from typing import Annotated

import typer

from hounsfield.daemon.cli import completion
from hounsfield.daemon.cli.moments import when
from hounsfield.storage.states import JobKind, JobState, Outcome, Reason, Stage

KindOption = Annotated[JobKind | None, typer.Option("--kind", help="Only this kind of job.", case_sensitive=False)]
JobStateOption = Annotated[
    JobState | None, typer.Option("--state", help="Only jobs that are in this state.", case_sensitive=False)
]
EventStateOption = Annotated[
    str | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help="Only changes to this state: of a job (COMPLETED), a series (SKIPPED) or the service (PAUSED).",
        autocompletion=completion.event_states,
    ),
]
StageOption = Annotated[Stage | None, typer.Option("--stage", help="Only this stage.", case_sensitive=False)]
OutcomeOption = Annotated[
    Outcome | None, typer.Option("--outcome", help="Only analyses with this outcome.", case_sensitive=False)
]
ReasonOption = Annotated[
    Reason | None,
    typer.Option("--reason", metavar="CODE", help="Only with this reason (docs/reasons.md).", case_sensitive=False),
]
ScannerOption = Annotated[
    str | None,
    typer.Option(
        "--scanner",
        metavar="AE",
        help="Only of series whose first image this AE title sent.",
        autocompletion=completion.scanners,
    ),
]
BundleOption = Annotated[
    str | None,
    typer.Option("--bundle", metavar="NAME", help="Only of this bundle.", autocompletion=completion.bundles),
]
DestinationOption = Annotated[
    str | None,
    typer.Option(
        "--destination",
        metavar="NAME",
        help="Only what goes to this destination.",
        autocompletion=completion.destinations,
    ),
]
SeriesOption = Annotated[
    str | None,
    typer.Option(
        "--series", metavar="UID|HASH", help="Only this series: its Series Instance UID, or its hash as tables show it."
    ),
]
SinceOption = Annotated[str | None, when("--since", "Only since then")]
BeforeOption = Annotated[
    int | None,
    typer.Option("--before", metavar="ID", help="Only older ones than this number: the next page.", min=1),
]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", help="At most so many. Without it 50 in a table, and all with --json.", min=1),
]
OnwardsLimitOption = Annotated[
    int | None, typer.Option("--limit", metavar="N", help="At most so many; all without it.", min=1)
]
"""Of what is listed oldest first."""
TABLE_ROWS = 50
"""Rows of a table for a person who did not say how many."""


def rows_wanted(limit: int | None, *, as_json: bool) -> int | None:
    """Return how many rows are listed; None: all."""
    return limit if limit is not None or as_json else TABLE_ROWS


def tell_more(count: int, wanted: int | None, last: int) -> None:
    """Say how the next page is got, where there may be one: ``last`` is the number of the last row."""
    from hounsfield.daemon.cli.output import note

    if wanted is not None and count >= wanted:
        note(f"older ones: --before {last}")
