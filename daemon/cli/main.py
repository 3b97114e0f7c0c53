"""The console script ``hounsfield``."""

from typing import Annotated

import typer

from hounsfield.daemon.cli import (
    alarms,
    bundle,
    config,
    conformance,
    console,
    data,
    database,
    demo,
    destinations,
    doctor,
    drift,
    echo,
    evaluate,
    feedback,
    health,
    jobs,
    notify,
    pause,
    peers,
    phantom,
    purge,
    results,
    rules,
    run,
    send,
    series,
    tls,
    top,
    train,
    tune,
)
from hounsfield.daemon.cli.examples import finish_help
from hounsfield.daemon.cli.exits import EXIT_CODES_HELP
from hounsfield.daemon.cli.group import FriendlyGroup

app = typer.Typer(
    name="hounsfield",
    cls=FriendlyGroup,
    help="Receives CT series beside a PACS, runs a CNN on them and answers with DICOM structured reports.",
    epilog=EXIT_CODES_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_SERVICE, _WORK, _MODELS, _TRIALS = "The service", "What was received and sent", "Models", "Trying it"

app.command("run", rich_help_panel=_SERVICE)(run.run)
app.command("top", rich_help_panel=_SERVICE)(top.top)
app.command("doctor", rich_help_panel=_SERVICE)(doctor.doctor)
app.command("health", rich_help_panel=_SERVICE)(health.health)
app.command("pause", rich_help_panel=_SERVICE)(pause.pause)
app.command("resume", rich_help_panel=_SERVICE)(pause.resume)
app.command("purge", rich_help_panel=_SERVICE)(purge.purge)
app.command("conformance", rich_help_panel=_SERVICE)(conformance.conformance)
for _group in (alarms.app, config.app, database.app, console.app, tls.app):
    app.add_typer(_group, rich_help_panel=_SERVICE)

app.command("destinations", rich_help_panel=_WORK)(destinations.destinations)
for _group in (jobs.app, series.app, results.app, rules.app, peers.app, notify.app, feedback.app):
    app.add_typer(_group, rich_help_panel=_WORK)

app.command("evaluate", rich_help_panel=_MODELS)(evaluate.evaluate)
app.command("train", rich_help_panel=_MODELS)(train.train)
app.command("tune", rich_help_panel=_MODELS)(tune.tune)
for _group in (bundle.app, data.app, drift.app):
    app.add_typer(_group, rich_help_panel=_MODELS)

app.command("demo", rich_help_panel=_TRIALS)(demo.demo)
app.command("phantom", rich_help_panel=_TRIALS)(phantom.phantom)
app.command("send", rich_help_panel=_TRIALS)(send.send)
app.command("echo", rich_help_panel=_TRIALS)(echo.echo)
finish_help(app)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"hounsfield {version('hounsfield')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Receives CT series beside a PACS, runs a CNN on them and answers with DICOM structured reports."""


def main() -> None:
    """Run the command line; ends the process with an exit code."""
    app(prog_name="hounsfield")


if __name__ == "__main__":
    main()
