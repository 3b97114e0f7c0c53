"""The loop over epochs and steps: validation, early stopping, checkpoints, progress. What a step is, a stage says."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.errors import TrainingError
from hounsfield.model.train.checkpoint import (
    State,
    numbered,
    read_arrays,
    read_checkpoint,
    write_atomically,
    write_checkpoint,
)

REPORT_SECONDS = 0.5


class TrainingStopped(TrainingError):
    """Somebody asked it to stop; a checkpoint was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a validation gives."""

    loss: float
    auc: float
    """Mean over the labels; NaN where it is not defined."""
    aucs: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a stage stands, for people."""

    stage: str
    epoch: int
    """From 1."""
    epochs: int
    step: int
    """Of this epoch, that are done."""
    steps: int
    loss: float
    """Mean over the steps of this epoch."""
    rate: float
    figures: Figures | None = None
    """At the end of an epoch."""
    best: bool = False


class Learning(Protocol):
    """All that changes while a network learns: its variables, its random generators, its optimiser."""

    def arrays(self) -> list[NDArray[Any]]:
        """Return all of it."""

    def restore(self, arrays: list[NDArray[Any]]) -> None:
        """Set all of it. Raises TrainingError if it is not that of this network."""

    def weights(self) -> list[NDArray[Any]]:
        """Return what makes the network."""

    def set_weights(self, arrays: list[NDArray[Any]]) -> None:
        """Set it."""


class Stage(Protocol):
    """One network in training."""

    name: str
    epochs: int
    steps: int
    """Of an epoch."""

    @property
    def trainable(self) -> Learning:
        """What learns."""

    def batches(self, epoch: int, first: int) -> Iterable[Any]:
        """Yield the batches of an epoch from a step on."""

    def rate(self, epoch: float) -> float:
        """Return the learning rate after so many epochs."""

    def learn(self, batch: Any, rate: float) -> Any:
        """Take a step; return the loss as a scalar tensor."""

    def validate(self) -> Figures:
        """Judge the network on the validation part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the loop asks and tells outside."""

    report: Callable[[Progress], None] = lambda _: None
    stop: Callable[[], bool] = lambda: False
    """Asked after each step."""
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When to save and when to end."""

    folder: Path
    """Of checkpoints."""
    patience: int
    monitor: Literal["loss", "auc"]
    checkpoint_seconds: float


def fit(stage: Stage, plan: Plan, hooks: Hooks) -> State:
    """Train a stage from where its checkpoint stands, or from the beginning, and leave it with its best weights.

    A run that was killed and started again gives the same weights, bit for bit, as one that was not, on the same
    machine. Raises TrainingStopped after ``hooks.stop`` said so, TrainingError for a loss that is no number.
    """
    return _Loop(stage, plan, hooks).run()


class _Loop:
    def __init__(self, stage: Stage, plan: Plan, hooks: Hooks) -> None:
        self._stage, self._plan, self._hooks = stage, plan, hooks
        self._path = plan.folder / f"{stage.name}.npz"
        self._best = plan.folder / f"{stage.name}-best.npz"
        self._state = State()
        self._began = self._saved = self._told = hooks.clock()

    def run(self) -> State:
        self._plan.folder.mkdir(parents=True, exist_ok=True)
        found = read_checkpoint(self._path)
        if found is not None:
            self._state = found[0]
            self._stage.trainable.restore(found[1])
        while not self._state.done:
            self._epoch()
        self._stage.trainable.set_weights(read_arrays(self._best))
        return self._state

    def _epoch(self) -> None:
        state, stage = self._state, self._stage
        # In float32 and from where it stood, so that a run in two parts adds up to the same.
        loss_sum: Any = np.float32(state.loss_sum)
        for batch in stage.batches(state.epoch, state.step):
            rate = stage.rate(state.epoch + state.step / stage.steps)
            loss_sum = stage.learn(batch, rate) + loss_sum
            state.step += 1
            self._between(loss_sum, rate)
        self._finish_epoch(self._number(loss_sum) / stage.steps)

    def _between(self, loss_sum: Any, rate: float) -> None:
        now, state, stage = self._hooks.clock(), self._state, self._stage
        stop = self._hooks.stop()
        if stop or now - self._saved >= self._plan.checkpoint_seconds:
            self._save(self._number(loss_sum))
        if stop:
            words = f"stopped in epoch {state.epoch + 1} of {stage.epochs} ({stage.name}), step {state.step}"
            raise TrainingStopped(f"{words}; the same command goes on from here")
        if now - self._told >= REPORT_SECONDS:
            self._told = now
            self._tell(self._number(loss_sum) / state.step, rate)

    def _number(self, loss_sum: Any) -> float:
        value = float(loss_sum)
        if not math.isfinite(value):
            where = f"epoch {self._state.epoch + 1}, step {self._state.step} ({self._stage.name})"
            raise TrainingError(f"the loss is no number any more at {where}: lower optimiser.rate, or use float32")
        return value

    def _finish_epoch(self, loss: float) -> None:
        state, plan = self._state, self._plan
        rate = self._stage.rate(state.epoch + (self._stage.steps - 1) / self._stage.steps)
        figures = self._stage.validate()
        value = figures.loss if plan.monitor == "loss" else -figures.auc
        better = state.best is None or value < state.best
        state.epoch, state.step, state.loss_sum = state.epoch + 1, 0, 0.0
        if better:
            # Before the checkpoint that names it: after a kill between both the epoch is done again, to the same end.
            write_atomically(self._best, numbered(self._stage.trainable.weights()))
            state.best, state.best_epoch = None if math.isnan(value) else value, state.epoch
        state.history.append(_row(loss, rate, figures))
        waited = state.epoch - state.best_epoch
        state.done = state.epoch >= self._stage.epochs or (plan.patience > 0 and waited >= plan.patience)
        self._save(0.0)
        self._tell(loss, rate, figures, best=better)

    def _save(self, loss_sum: float) -> None:
        now = self._hooks.clock()
        self._state.loss_sum = loss_sum
        self._state.seconds += now - self._began
        self._began = self._saved = now
        write_checkpoint(self._path, self._state, self._stage.trainable.arrays())

    def _tell(self, loss: float, rate: float, figures: Figures | None = None, *, best: bool = False) -> None:
        state, stage = self._state, self._stage
        self._hooks.report(
            Progress(
                stage=stage.name,
                epoch=state.epoch + (figures is None),
                epochs=stage.epochs,
                step=state.step if figures is None else stage.steps,
                steps=stage.steps,
                loss=loss,
                rate=rate,
                figures=figures,
                best=best,
            )
        )


def _row(loss: float, rate: float, figures: Figures) -> dict[str, float | None]:
    row = {"loss": loss, "rate": rate, "validation_loss": figures.loss, "validation_auc": figures.auc}
    return {name: value if math.isfinite(value) else None for name, value in row.items()}
