"""``hounsfield tune``: the same training with several optimisers, sizes and rates, and a table of what came out."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from hounsfield.daemon.cli.context import JsonOption
from hounsfield.daemon.cli.exits import CommandFailed, ExitCode, UsageFault
from hounsfield.daemon.cli.output import json_line, note, show_table

if TYPE_CHECKING:
    from hounsfield.model.train.tune import Row

Number = TypeVar("Number", int, float)


def tune(
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="As for `hounsfield train`.")],
    optimisers: Annotated[str, typer.Option(metavar="NAME,...", help="Optimisers to try.")] = "",
    sizes: Annotated[str, typer.Option(metavar="PIXELS,...", help="Rows and columns of the input to try.")] = "",
    rates: Annotated[str, typer.Option(metavar="RATE,...", help="Learning rates to try.")] = "",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="One folder below it for each training; those that are done are kept."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train with every combination and print them, the best on the validation part first.

    Each training runs in a process of its own. No bundle is written, and the test part is not looked at to rank them.
    """
    from hounsfield.model.train.config import read_config
    from hounsfield.model.train.tune import as_json as row_json
    from hounsfield.model.train.tune import grid
    from hounsfield.model.train.tune import tune as run_all

    chosen = read_config(config)
    cells = grid(chosen, _words(optimisers), _numbers(sizes, int, "--sizes"), _numbers(rates, float, "--rates"))
    note(f"{len(cells)} trainings")
    folder = out or config.with_name(f"{config.stem}-tune")
    try:
        rows = run_all(chosen, cells, folder, lambda cell, line: note(f"{cell.name}: {line}"))
    except KeyboardInterrupt:
        note(f"stopped; the same command goes on from here, with what is done below {folder}")
        raise typer.Exit(ExitCode.WORK_FAILED) from None
    for row in rows if as_json else ():
        json_line(row_json(row))
    if not as_json:
        _show(rows)
    if all(row.failure for row in rows):
        raise CommandFailed(f"no training could be done: {rows[0].failure}")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _numbers(text: str, kind: Callable[[str], Number], option: str) -> list[Number]:
    try:
        return [kind(word) for word in _words(text)]
    except ValueError as fault:
        raise UsageFault(f"{option} must be numbers with commas between them, not {text!r}") from fault


def _show(rows: "list[Row]") -> None:
    columns = ("optimiser", "size", "rate", "validation loss", "AUC", "best epoch", "seconds", "what to do")
    show_table(
        columns,
        [
            [
                row.cell.optimiser,
                "as prepared" if row.cell.size is None else str(row.cell.size),
                f"{row.cell.rate:g}",
                _figure(row.loss),
                _figure(row.auc),
                f"{row.best_epoch} of {row.epochs}" if row.epochs else "",
                f"{row.seconds:.0f}",
                row.failure,
            ]
            for row in rows
        ],
    )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
