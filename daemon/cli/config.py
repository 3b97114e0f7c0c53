"""``hounsfield config``: write, check and show the configuration."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, JsonOption, read_settings
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.output import json_line, note, show_table

if TYPE_CHECKING:
    from hounsfield.daemon.config.settings import Settings
    from hounsfield.model.manifest import Manifest

app = typer.Typer(
    name="config", help="The configuration: write it, check it, show what is in force.", no_args_is_help=True
)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Where to write it; - for standard output.")] = Path("hounsfield.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a configuration file with every key, its meaning, unit and default, all commented out."""
    from hounsfield.daemon.config.annotated import annotated_toml

    text = annotated_toml()
    if str(file) == "-":
        typer.echo(text, nl=False)
        return
    if file.exists() and not force:
        raise CommandFailed(f"{file} is there already", "give another name, or --force to overwrite it")
    file.write_text(text, encoding="utf-8")
    typer.echo(f"{file} written; `hounsfield run --config {file}` uses it")


@app.command()
def show(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show every key in force and whether it comes from the file, the environment or the defaults."""
    from hounsfield.daemon.config.describe import describe

    settings = read_settings(config)
    for renamed in settings.origin.renamed:
        note(f"warning: {renamed}")
    rows = describe(settings)
    if as_json:
        for row in rows:
            json_line({"key": row.key, "value": row.value, "source": row.source})
    else:
        show_table(("key", "value", "source"), [(row.key, row.value, row.source) for row in rows])


@app.command()
def migrate(file: Annotated[Path, typer.Argument(help="The configuration file.")]) -> None:
    """Write a file anew with the names that its keys have now. Comments and order stay; the old one stays beside it."""
    from hounsfield.daemon.config.rewriting import rewritten
    from hounsfield.daemon.config.settings import read_toml

    read_toml(file)  # says what is wrong with it, if anything is
    content = file.read_text(encoding="utf-8")
    new, renamed = rewritten(content, str(file))
    if new is None:
        told = "; ".join(f"{one.old} is called {one.new} now" for one in renamed)
        raise CommandFailed(f"{file}: {told}", "change it by hand: it stands where a program may not touch it")
    if new == content:
        typer.echo(f"{file}: nothing to rename")
        return
    kept = file.with_name(f"{file.name}.before-migrate")
    if kept.exists():
        raise CommandFailed(f"{kept} is there already", "move it away")
    shutil.copy2(file, kept)
    file.write_text(new, encoding="utf-8")  # in place: owner and mode stay
    for one in renamed:
        typer.echo(f"{one.old} -> {one.new}")
    typer.echo(f"{file} written; as it was: {kept}")


@app.command()
def check(config: ConfigOption = None) -> None:
    """Check the configuration and the bundles it names; exit 3 if it cannot be used. Warnings explain themselves."""
    from hounsfield.daemon.cli.fit_checks import misfits_of
    from hounsfield.daemon.fit import refuse

    settings = read_settings(config)
    refuse(settings, misfits_of(settings))
    for warning in warnings_of(settings, _manifests(settings)):
        note(f"warning: {warning}")
    where = "the built-in defaults and the environment" if config is None else str(config)
    typer.echo(f"{where}: can be used")


def _manifests(settings: "Settings") -> "list[Manifest]":
    from hounsfield.daemon.bundles.shelf import open_configured
    from hounsfield.daemon.bundles_in_use import in_use_now, manifests_of

    open_configured(settings)
    return manifests_of(in_use_now(settings))


def warnings_of(settings: "Settings", manifests: "list[Manifest]") -> list[str]:
    """Return what can be used but will surprise: each sentence says what happens and what to do. Pure."""
    from hounsfield.daemon.config.rules import unreachable_rules
    from hounsfield.daemon.pipeline.destinations import may_receive

    warnings = [str(renamed) for renamed in settings.origin.renamed]
    warnings += [
        f"destination '{destination.name}' ({destination.host or destination.kind}) gets nothing from bundle "
        f"'{manifest.name}': the bundle says clinical = false and delivers only to this machine. Set "
        "allow_demonstration = true at the destination for a trial, or configure a bundle that is made for clinical use"
        for destination in settings.destination
        for manifest in manifests
        if not may_receive(destination, manifest)
    ]
    if not settings.destination:
        warnings.append("there is no [[destination]]: results stay in storage.home and are sent nowhere")
    if settings.dicom.allow_any_peer:
        warnings.append("dicom.allow_any_peer = true: whoever reaches the port may store images")
    if settings.dicom.learning:
        warnings.append(
            "dicom.learning = true: whoever reaches the port may store images. `hounsfield peers suggest` shows who "
            "did, as [[peer]] tables to copy; set it back to false after the first days"
        )
    warnings += [
        f"rule '{name}' can never be met: rule '{before}' before it takes every series"
        for name, before in unreachable_rules(settings.rule)
    ]
    warnings += [
        f"destination '{destination.name}' has send_not_analysed = false: nobody learns there that a series was not "
        "analysed, and silence may be taken for a result"
        for destination in settings.destination
        if not destination.send_not_analysed
    ]
    if settings.feedback.agree and settings.dicom.accept == "ct":
        warnings.append(
            'feedback.agree names document titles, but dicom.accept = "ct" refuses documents: no feedback will come. '
            'Set it to "ct+companions"'
        )
    warnings += _proof_warnings(settings)
    return [*warnings, *_profile_warnings(settings), *_warnings_of_notifiers(settings, manifests)]


def _warnings_of_notifiers(settings: "Settings", manifests: "list[Manifest]") -> list[str]:
    from hounsfield.daemon.notifications.senders import secret_problem
    from hounsfield.daemon.pipeline.destinations import is_local, may_be_told

    warnings = [
        f"notify '{notifier.name}' is told nothing of bundle '{manifest.name}': the bundle says clinical = false. "
        "Set allow_demonstration = true there for a trial"
        for notifier in settings.notify
        for manifest in manifests
        if not may_be_told(notifier, manifest)
    ]
    problems = ((notifier.name, secret_problem(notifier)) for notifier in settings.notify)
    warnings += [f"notify '{name}': secret_file {problem}" for name, problem in problems if problem]
    warnings += [
        f"notify '{notifier.name}' names patients over http, which anybody on the way can read: use https"
        for notifier in settings.notify
        if notifier.include_patient and (notifier.url or "").startswith("http://") and not is_local(notifier)
    ]
    return warnings


def _proof_warnings(settings: "Settings") -> list[str]:
    """Most archives report storage commitment on an association of their own, which only a [[peer]] may open."""
    known = {peer.ae_title for peer in settings.peer}
    if settings.dicom.allow_any_peer or not known:
        return []
    return [
        f"destination '{destination.name}' is asked for storage commitment, but no [[peer]] is called "
        f"{destination.ae_title}: where it reports on an association of its own it is refused, and there is no proof"
        for destination in settings.destination
        if destination.kind == "dicom" and destination.proof == "commitment" and destination.ae_title not in known
    ]


def _profile_warnings(settings: "Settings") -> list[str]:
    from hounsfield.daemon.results.profile import profile_of

    archives = [destination for destination in settings.destination if destination.kind != "folder"]
    if len({profile_of(destination) for destination in archives}) < 2:
        return []
    names = ", ".join(f"'{destination.name}'" for destination in archives)
    return [
        f"destinations {names} get objects that differ (results, titles, language, ...), each of its own: where they "
        "replicate to each other, readers see a result more than once. Give those that do the same settings"
    ]
