"""``hounsfield rules``: what the rules are, and why a series goes where it goes."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_application, read_settings
from hounsfield.daemon.cli.exits import NotFound
from hounsfield.daemon.cli.output import json_line, note, show_table
from hounsfield.daemon.cli.patients import RevealOption, revealed
from hounsfield.daemon.cli.which_series import SeriesArgument, find

if TYPE_CHECKING:
    from hounsfield.daemon.app import Application
    from hounsfield.daemon.assembly.explain import Explanation
    from hounsfield.daemon.assembly.quiet import Quiet
    from hounsfield.daemon.config.rules import Rule
    from hounsfield.storage.records import SeriesRecord

app = typer.Typer(
    name="rules", help="The rules of the site, and why a series goes where it goes.", no_args_is_help=True
)


@app.command("list")
def list_rules(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the rules in the order in which they are asked."""
    rules = read_settings(config).rule
    if as_json:
        for number, rule in enumerate(rules, start=1):
            json_line({"number": number} | rule.model_dump(mode="json"))
    elif rules:
        columns = ("", "rule", "takes", "does", "priority", "of a study", "results")
        show_table(columns, [(str(number), *_row(rule)) for number, rule in enumerate(rules, start=1)])
    if not rules:
        note("there is no [[rule]]: each bundle's own scope decides")


def _row(rule: "Rule") -> tuple[str, ...]:
    from hounsfield.daemon.assembly.rules import conditions_of

    takes = "; ".join(conditions_of(rule))
    if not rule.bundle:
        return rule.name, takes, "hold" if rule.hold else "skip", "", "", ""
    sent = "all destinations" if rule.destinations is None else ", ".join(rule.destinations)
    results = "kept, sent nowhere" if rule.shadow else f"to {sent}"
    return rule.name, takes, f"analyse by {', '.join(rule.bundle)}", rule.priority, rule.per_study, results


@app.command("test")
def try_files(
    folder: Annotated[Path, typer.Argument(help="Folder whose files are looked at, or one file.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what would become of the series of some files if they were received. Reads only."""
    from hounsfield.daemon.app import build
    from hounsfield.daemon.assembly.explain import explain
    from hounsfield.daemon.assembly.on_disk import FilesOnDisk
    from hounsfield.daemon.bundles.shelf import open_configured
    from hounsfield.daemon.cli.rules_views import show_explanation
    from hounsfield.daemon.reception.contexts import role_of

    settings = read_settings(config)
    open_configured(settings)  # a rule that asks for a bundle that is nowhere is told
    application = build(settings)
    book, bundles = application.rule_book, application.shelf_of_reader.bundles
    files = FilesOnDisk(_files(folder), keywords=book.keywords, role_of=role_of, now=application.clock.now())
    if files.unreadable:
        count = len(files.unreadable)
        note(f"{count} file{'' if count == 1 else 's'} left out: not DICOM, or damaged")
    if not files.series:
        raise NotFound(f"there is no DICOM image in {folder}")
    decisions = files.decide(application.decider_on_disk(files))
    for images in files.series:
        show_explanation(explain(images, book, bundles, decisions[images.series.id]), None, as_json=as_json)


def _files(folder: Path) -> list[Path]:
    if not folder.exists():
        raise NotFound(f"{folder} does not exist")
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else [folder]


@app.command("explain")
def explain_series(
    uid: SeriesArgument, reveal: RevealOption = None, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show why a received series went where it went, and what would become of it if it were looked at now."""
    from hounsfield.daemon.cli.rules_views import Standing, show_explanation
    from hounsfield.daemon.logs import UidHasher

    with open_application(config) as application:
        settings, database = application.settings, application.database
        record = find(database, settings.storage.shared_folder, uid)
        hash_of = UidHasher.of_home(settings.storage.shared_folder)
        shown = revealed(database, settings, reveal, "rules explain", record.id, series=hash_of(record.series_uid))
        study = [one for one in database.series.of_study(record.study_uid) if one.id != record.id]
        explanation, moment = _explained(application, record)
    standing = Standing(series=record, study=tuple(study), moment=moment, hash_of=hash_of, revealed=shown)
    show_explanation(explanation, standing, as_json=as_json)


def _explained(application: "Application", record: "SeriesRecord") -> "tuple[Explanation, str]":
    """The explanation, and the moment for which its decision is; empty where none is to be taken."""
    from dataclasses import replace

    from hounsfield.daemon.assembly.explain import explain
    from hounsfield.daemon.query.series_counts import NoCounts
    from hounsfield.storage.states import SeriesState

    reader = application.series_reader()
    moment = {
        SeriesState.RECEIVING: "if it were looked at now",
        SeriesState.SKIPPED: "if it were replayed now",
        SeriesState.HELD: "if it were released now",
    }.get(record.state, "")
    if record.state is SeriesState.HELD and record.reason is not None:
        record = replace(record, waived=(*record.waived, record.reason))
    images = reader.read(record)
    decision = None
    if moment and images.instances:
        decision = application.decider(reader, NoCounts()).decide(record, _standings(application, record))
    return explain(images, application.rule_book, application.shelf.bundles, decision), moment


def _standings(application: "Application", record: "SeriesRecord") -> "Mapping[int, Quiet]":
    """How long the open series have been quiet, by the stamps of the database; one that is not open, for long."""
    from hounsfield.daemon.assembly.on_disk import LONG_AGO
    from hounsfield.daemon.assembly.quiet import Quiet

    now = application.clock.now()
    open_now = {
        one.id: Quiet((now - one.touched_at).total_seconds(), (now - one.receiving_since).total_seconds())
        for one in application.database.series.receiving()
    }
    return {record.id: LONG_AGO} | open_now
