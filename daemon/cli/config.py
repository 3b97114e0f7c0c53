"""``hounsfield config``: write, check and show the configuration."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.config_warnings import warnings_of
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
