"""``hounsfield train``: from a prepared data set to a bundle."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hounsfield.daemon.cli.context import JsonOption
from hounsfield.daemon.cli.exits import ExitCode, UsageFault
from hounsfield.daemon.cli.output import console, json_line, note, show_table
from hounsfield.daemon.cli.training_views import shown_training

if TYPE_CHECKING:
    from hounsfield.model.train.run import Result

_SHOWN = ("auroc", "sensitivity", "specificity")

TrainingFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="train.toml; `hounsfield train --example` prints one."),
]


def train(
    config: TrainingFile = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Everything of this training goes there; a folder with an interrupted one goes on. Without it: "
            "beside the configuration, named after it.",
        ),
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Print a commented configuration and end.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a network on a prepared data set and write the bundle that the daemon serves.

    Stop it with Ctrl-C, or lose the machine: the same command goes on from the last checkpoint, to the same result.
    """
    if example:
        from hounsfield.model.train.example import EXAMPLE

        typer.echo(EXAMPLE, nl=False)
        return
    if config is None:
        raise UsageFault("--config is needed", "`hounsfield train --example > train.toml` gives one to begin with")
    from hounsfield.model.runtime import import_quietly
    from hounsfield.model.train.config import read_config
    from hounsfield.model.train.loop import Hooks, TrainingStopped
    from hounsfield.model.train.run import train as run_training

    chosen = read_config(config)
    folder = out or config.with_name(f"{config.stem}-run")
    import_quietly()
    with stop_on_signal() as stop, shown_training() as report:
        try:
            result = run_training(chosen, folder, Hooks(report=report, stop=stop), datetime.now(UTC).date())
        except TrainingStopped as stopped:
            note(str(stopped))
            raise typer.Exit(ExitCode.WORK_FAILED) from stopped
    _show(result, as_json)


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Give the question whether to stop: after Ctrl-C or a TERM. A second Ctrl-C ends the program at once."""
    asked: list[int] = []

    def ask(number: int, _: Any) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)
        note("stopping after this step; a checkpoint is written")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(result: "Result", as_json: bool) -> None:
    folder, bundle = str(result.folder), str(result.bundle) if result.bundle else None
    if as_json:
        json_line(dict(result.figures) | {"folder": folder, "bundle": bundle})
        return
    show_table(("part", "level", "label", "cases", "positive", "AUROC", "sensitivity", "specificity"), _rows(result))
    for stage, told in result.figures["stages"].items():
        console().print(f"{stage}: epoch {told['best_epoch']} of {told['epochs']} is the best one")
    if bundle is not None:
        console().print(f"bundle: {bundle} (`hounsfield bundle lint {bundle}` checks it)", soft_wrap=True)
    scores = result.folder / "test.npz"
    if scores.exists():
        console().print(f"report: `hounsfield evaluate --bundle {scores} --out REPORT`", soft_wrap=True)


def _rows(result: "Result") -> list[list[str]]:
    return [
        [part, level, name, str(one["cases"]), str(one["positive"]), *(_cell(one.get(key)) for key in _SHOWN)]
        for part, metrics in result.figures["metrics"].items()
        for level in ("series", "slice")
        for name, one in metrics.get(f"by_{level}", {}).items()
    ]


def _cell(value: object) -> str:
    if not isinstance(value, list):
        return "not defined"
    low_high = f" ({value[1]:.3f} to {value[2]:.3f})" if len(value) == 3 else ""
    return f"{value[0]:.3f}{low_high}"
