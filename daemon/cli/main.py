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
app.command("run")(run.run)
app.command("demo")(demo.demo)
app.command("send")(send.send)
app.command("echo")(echo.echo)
app.command("pause")(pause.pause)
app.command("resume")(pause.resume)
app.add_typer(jobs.app)
app.add_typer(alarms.app)
app.command("top")(top.top)
app.command("destinations")(destinations.destinations)
app.add_typer(series.app)
app.add_typer(results.app)
app.add_typer(rules.app)
app.add_typer(peers.app)
app.add_typer(notify.app)
app.add_typer(feedback.app)
app.add_typer(bundle.app)
app.add_typer(data.app)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(drift.app)
app.command("phantom")(phantom.phantom)
app.command("train")(train.train)
app.command("tune")(tune.tune)
app.add_typer(console.app)
app.command("purge")(purge.purge)
app.add_typer(config.app)
app.add_typer(database.app)
app.add_typer(tls.app)
app.command("doctor")(doctor.doctor)
app.command("health")(health.health)
app.command("conformance")(conformance.conformance)
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
