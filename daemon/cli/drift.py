"""``hounsfield drift``: whether bundles still see, and answer, what they used to."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli import completion
from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.exits import ExitCode, NotFound, UsageFault
from hounsfield.daemon.cli.moments import moment, moment_of, when
from hounsfield.daemon.cli.output import json_line, note, show_table
from hounsfield.daemon.cli.person import ByOption, person

if TYPE_CHECKING:
    from hounsfield.daemon.drift.comparison import Drift
    from hounsfield.daemon.drift.current import DriftReader
    from hounsfield.storage.analysis_facts import Pair

app = typer.Typer(name="drift", help="Whether bundles still see, and answer, what they used to.", no_args_is_help=True)

_ScannerOption = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Only scanners whose key holds this text, in any case.")
]


@app.command()
def report(
    bundle: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this bundle.", autocompletion=completion.bundles)
    ] = None,
    scanner: _ScannerOption = None,
    since: Annotated[str | None, when("--since", "In place of the last analyses compare all since then")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a page with plots over time; it needs no network.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Compare scores and inputs of each bundle on each scanner with its baseline.

    Exit status 1 when one of them is in alarm, 0 otherwise. What is compared and what to do: docs/drift.md.
    """
    from hounsfield.daemon.cli.drift_views import COLUMNS, drift_json, drift_row, not_analysed_words
    from hounsfield.daemon.drift.comparison import Level
    from hounsfield.daemon.drift.current import DriftReader

    with open_stores(config) as (settings, database):
        now = database.now()
        begin = moment("--since", since, now)
        reader = DriftReader(database.facts, settings.drift)
        pairs = _matching(reader.pairs(now), bundle, scanner)
        drifts = [reader.drift(pair, begin) for pair in pairs]
        if as_json:
            for drift in drifts:
                json_line(drift_json(drift))
        elif drifts:
            show_table(COLUMNS, [drift_row(drift, reader, settings.drift) for drift in drifts])
        left_out = database.facts.not_analysed(now - reader.recent)
        if html is not None:
            _write_page(html, reader, drifts, now)
    if not drifts:
        note(f"nothing was analysed in the last {settings.drift.recent_days:g} days, or nothing that was asked for")
    for words in not_analysed_words(left_out, bundle):
        note(words)
    if any(drift.level is Level.ALARM for drift in drifts):
        raise typer.Exit(ExitCode.WORK_FAILED)


def _write_page(file: Path, reader: "DriftReader", drifts: "list[Drift]", now: datetime) -> None:
    from hounsfield.daemon.drift.page import drift_page

    file.write_text(drift_page(reader, drifts, now), encoding="utf-8")
    note(f"{file} is written")


@app.command()
def baseline(
    bundle: Annotated[str, typer.Argument(metavar="NAME", help="Bundle.", autocompletion=completion.bundles)],
    begin: Annotated[str | None, when("--from", "Analyses from then on")] = None,
    end: Annotated[str | None, when("--to", "Analyses before then")] = None,
    first: Annotated[bool, typer.Option("--first", help="The first analyses again, as without this command.")] = False,
    version: Annotated[str | None, typer.Option(metavar="VERSION", help="Only this version.")] = None,
    scanner: _ScannerOption = None,
    by: ByOption = None,
    config: ConfigOption = None,
) -> None:
    """Say which time a bundle is compared with, on each scanner that has analyses enough in it."""
    from hounsfield.daemon.drift.baselines import choose_baselines

    if first == (begin is not None or end is not None) or (begin is None) != (end is None):
        raise UsageFault("a baseline is either a time or the first analyses", "give --from and --to, or --first")
    who = person(by)
    with open_stores(config) as (_, database):
        now = database.now()
        span = _span(begin, end, now)
        pairs = [
            pair
            for pair in _matching(database.facts.pairs(), bundle, scanner)
            if version is None or pair.bundle_version == version
        ]
        if not pairs:
            raise NotFound("no such bundle has analysed anything", "`hounsfield drift report` names those that have")
        chosen = choose_baselines(database.facts, pairs, span, now, who)
    for pair, analyses in chosen.kept:
        note(f"{pair.bundle} {pair.bundle_version} on {pair.scanner}: " + (f"{analyses} analyses" if span else "first"))
    for pair, analyses in chosen.too_few:
        note(f"{pair.bundle} {pair.bundle_version} on {pair.scanner}: left as it was, only {analyses} analyses then")
    if not chosen.kept:
        raise NotFound("no scanner has analyses enough in that time", "give a longer time")


def _span(begin: str | None, end: str | None, now: datetime) -> "tuple[datetime, datetime] | None":
    if begin is None or end is None:
        return None
    span = moment_of("--from", begin, now), moment_of("--to", end, now)
    if span[0] >= span[1]:
        raise UsageFault("the baseline ends before it begins", "give an earlier --from, or a later --to")
    return span


def _matching(pairs: "list[Pair]", bundle: str | None, scanner: str | None) -> "list[Pair]":
    wanted = (scanner or "").casefold()
    return [pair for pair in pairs if (bundle is None or pair.bundle == bundle) and wanted in pair.scanner.casefold()]
