"""A small grid: every combination is a training of its own, in a process of its own, and what is done is kept."""

import os
import subprocess  # the command is this very interpreter
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from hounsfield.model.errors import TrainingError
from hounsfield.model.toml_text import toml_text
from hounsfield.model.train.config import OptimiserChoice, TrainConfig
from hounsfield.model.train.run import finished

CONFIG, LOG = "train.toml", "log.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination."""

    optimiser: str
    size: int | None
    """None: as prepared."""
    rate: float

    @property
    def name(self) -> str:
        """Of its folder."""
        size = f"-{self.size}" if self.size else ""
        return f"{self.optimiser}{size}-{self.rate:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one combination gave; figures are those of the validation part, of its best epoch."""

    cell: Cell
    loss: float | None
    auc: float | None
    epochs: int
    best_epoch: int
    seconds: float
    failure: str = ""
    """Why there is nothing."""


Told = Callable[[Cell, str], None]
"""Called with what the process of a combination says, line by line."""


def grid(
    config: TrainConfig, optimisers: Sequence[str], sizes: Sequence[int], rates: Sequence[float]
) -> tuple[Cell, ...]:
    """Return all combinations; what is not varied is as configured. Raises TrainingError for an unknown name."""
    names = OptimiserChoice.model_fields["name"].annotation.__args__  # type: ignore[union-attr]
    if unknown := [one for one in optimisers if one not in names]:
        raise TrainingError(f"optimiser {unknown[0]!r} is not known; allowed: {', '.join(names)}")
    if bad := [one for one in (*sizes, *rates) if one <= 0]:
        raise TrainingError(f"{bad[0]}: sizes and rates must be above 0")
    every_size: Sequence[int | None] = sizes or [config.data.size]
    all_of = product(optimisers or [config.optimiser.name], every_size, rates or [config.optimiser.rate])
    return tuple(Cell(optimiser=one, size=size, rate=rate) for one, size, rate in all_of)


def tune(config: TrainConfig, cells: Iterable[Cell], folder: Path, told: Told) -> list[Row]:
    """Train each combination that is not done yet, below ``folder``; return all, the best validation first.

    A training that fails is a row without figures. A run that was interrupted goes on where it was.
    """
    rows = [_run(_configured(config, cell), cell, folder / cell.name, told) for cell in cells]
    return sorted(rows, key=lambda row: _order(row, config))


def _order(row: Row, config: TrainConfig) -> tuple[bool, float]:
    value = row.loss if config.training.monitor == "loss" else row.auc
    sign = 1 if config.training.monitor == "loss" else -1
    return value is None, sign * (value or 0.0)


def _configured(config: TrainConfig, cell: Cell) -> TrainConfig:
    return config.model_copy(
        update={
            "data": config.data.model_copy(update={"size": cell.size, "prepared": config.data.prepared.resolve()}),
            "optimiser": config.optimiser.model_copy(update={"name": cell.optimiser, "rate": cell.rate}),
            "bundle": None,
        }
    )


def _run(config: TrainConfig, cell: Cell, folder: Path, told: Told) -> Row:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(toml_text(config.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    command = [sys.executable, "-m", "hounsfield.model.train", str(folder / CONFIG), str(folder)]
    last = ""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    with (
        (folder / LOG).open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) as process,
    ):
        for line in process.stdout or ():
            last = line.strip()
            told(cell, last)
    if process.returncode:
        return _failed(cell, last or f"ended with status {process.returncode}; {folder / LOG} says more")
    return _row(cell, folder)


def _row(cell: Cell, folder: Path) -> Row:
    result = finished(folder)
    if result is None:
        return _failed(cell, "left no result")
    # The last stage says how good the whole is.
    stage: dict[str, Any] = list(result.figures["stages"].values())[-1]
    best = stage["history"][stage["best_epoch"] - 1]
    return Row(
        cell=cell,
        loss=best["validation_loss"],
        auc=best["validation_auc"],
        epochs=stage["epochs"],
        best_epoch=stage["best_epoch"],
        seconds=result.figures["seconds"],
    )


def _failed(cell: Cell, why: str) -> Row:
    return Row(cell=cell, loss=None, auc=None, epochs=0, best_epoch=0, seconds=0.0, failure=why)


def as_json(row: Row) -> dict[str, object]:
    """Return a row for scripts."""
    return {
        "optimiser": row.cell.optimiser,
        "size": row.cell.size,
        "rate": row.cell.rate,
        "validation_loss": row.loss,
        "validation_auc": row.auc,
        "epochs": row.epochs,
        "best_epoch": row.best_epoch,
        "seconds": row.seconds,
        "failure": row.failure or None,
    }
