"""The loop on a stage that needs no network: what it must do is arithmetic."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hounsfield.model.errors import TrainingError
from hounsfield.model.train.checkpoint import State, read_checkpoint
from hounsfield.model.train.loop import Figures, Hooks, Plan, Progress, TrainingStopped, fit


class Sums:
    """One weight; a step adds a number that depends on epoch and step, the loss is the weight."""

    name, epochs, steps = "sums", 4, 5

    def __init__(self, validations: list[float] | None = None) -> None:
        self.weight = np.float32(0)
        self.validations = validations or [4.0, 3.0, 2.0, 1.0]
        self.epochs = len(self.validations)
        self.validated = np.int64(0)

    def batches(self, epoch: int, first: int) -> Iterator[np.float32]:
        for step in range(first, self.steps):
            yield np.float32(np.random.default_rng((epoch, step)).random())

    def rate(self, epoch: float) -> float:
        return epoch

    def learn(self, batch: np.float32, rate: float) -> Any:
        self.weight = np.float32(self.weight + batch * np.float32(1 + rate))
        return self.weight

    def validate(self) -> Figures:
        value = self.validations[int(self.validated)]
        self.validated = np.int64(self.validated + 1)
        return Figures(loss=value, auc=float("nan"))

    @property
    def trainable(self) -> Self:
        return self

    def arrays(self) -> list[Any]:
        return [np.array(self.weight), np.array(self.validated)]

    def restore(self, variables: list[Any]) -> None:
        self.weight, self.validated = np.float32(variables[0]), np.int64(variables[1])

    def weights(self) -> list[Any]:
        return [np.array(self.weight)]

    def set_weights(self, weights: list[Any]) -> None:
        self.weight = np.float32(weights[0])


def plan(folder: Path, **changes: Any) -> Plan:
    return replace(Plan(folder=folder, patience=0, monitor="loss", checkpoint_seconds=1e9), **changes)


def after(steps: int) -> Callable[[], bool]:
    asked = iter(range(1, 10_000))
    return lambda: next(asked) == steps


@given(st.integers(1, 20), st.integers(1, 20))
@settings(max_examples=15, deadline=None)
def test_a_training_in_parts_ends_as_one_without_a_break(first: int, second: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        whole = Sums()
        one = fit(whole, plan(Path(temporary) / "whole"), Hooks(clock=lambda: 0.0))
        folder = Path(temporary) / "parts"
        for stop_after in (first, second):
            try:
                fit(Sums(), plan(folder), Hooks(stop=after(stop_after), clock=lambda: 0.0))
            except TrainingStopped as stopped:
                assert "the same command goes on" in str(stopped)  # noqa: PT017 - it may also have ended
        last = Sums()
        other = fit(last, plan(folder), Hooks(clock=lambda: 0.0))
        assert last.weight == whole.weight
        assert other == one


def test_it_ends_after_epochs_without_a_better_validation_and_keeps_the_best(tmp_path: Path) -> None:
    stage = Sums([3.0, 1.0, 2.0, 2.5, 0.5])
    best: list[float] = []

    def tell(progress: Progress) -> None:
        if progress.best:
            best.append(float(stage.weight))

    state = fit(stage, plan(tmp_path, patience=2), Hooks(report=tell))
    assert (state.epoch, state.best_epoch, state.done) == (4, 2, True)
    assert float(stage.weight) == best[-1]


def test_patience_zero_never_stops_early(tmp_path: Path) -> None:
    assert fit(Sums([1.0, 2.0, 3.0, 4.0]), plan(tmp_path), Hooks()).epoch == 4


def test_a_checkpoint_is_written_when_its_time_has_come(tmp_path: Path) -> None:
    now = iter(range(10_000))
    seen: list[State] = []

    def stop() -> bool:
        found = read_checkpoint(tmp_path / "sums.npz")
        if found:
            seen.append(found[0])
        return False

    fit(Sums(), plan(tmp_path, checkpoint_seconds=3.0), Hooks(stop=stop, clock=lambda: float(next(now))))
    assert any(state.step > 0 for state in seen)


def test_a_loss_that_is_no_number_ends_it_in_words(tmp_path: Path) -> None:
    class Explodes(Sums):
        def learn(self, batch: np.float32, rate: float) -> Any:
            return np.float32(math.nan)

    with pytest.raises(TrainingError, match=r"no number any more at epoch 1.*lower optimiser\.rate"):
        fit(Explodes(), plan(tmp_path), Hooks())


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    fit(Sums(), plan(tmp_path), Hooks())
    (tmp_path / "sums.npz").write_bytes(b"PK damaged")
    with pytest.raises(TrainingError, match=r"sums\.npz: is no checkpoint"):
        fit(Sums(), plan(tmp_path), Hooks())
