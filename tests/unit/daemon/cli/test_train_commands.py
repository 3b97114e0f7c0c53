import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from support.training_sets import blob, config_of, write_set
from typer.testing import CliRunner

from hounsfield.daemon.cli import training_views
from hounsfield.daemon.cli.main import app
from hounsfield.model.errors import TrainingError
from hounsfield.model.toml_text import toml_text
from hounsfield.model.train import run as run_module
from hounsfield.model.train import tune as tune_module
from hounsfield.model.train.config import TrainConfig
from hounsfield.model.train.loop import Figures, Hooks, Progress, TrainingStopped
from hounsfield.model.train.run import Result

pytestmark = pytest.mark.heavy

runner = CliRunner()
PROGRESS = Progress(
    stage="slices", epoch=2, epochs=5, step=10, steps=10, loss=0.5, rate=0.1,
    figures=Figures(loss=0.25, auc=0.875), best=True,
)  # fmt: skip
FIGURES: dict[str, Any] = {
    "stages": {"slices": {"epochs": 3, "best_epoch": 2, "history": []}},
    "metrics": {"test": {"by_slice": {"any": {"cases": 9, "positive": 3, "auroc": [0.9, 0.8, 1.0]}}}},
    "bundle": "bundle",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "train.toml"
    path.write_text(toml_text(config_of(tmp_path / "p").model_dump(mode="json", exclude_none=True)))
    return path


def pretend(monkeypatch: pytest.MonkeyPatch, ends: Callable[[Path], Result]) -> None:
    def train(_: TrainConfig, folder: Path, hooks: Hooks, __: object) -> Result:
        hooks.report(PROGRESS)
        return ends(folder)

    monkeypatch.setattr(run_module, "train", train)


def done(folder: Path) -> Result:
    return Result(folder=folder, bundle=folder / "bundle", figures=FIGURES)


def test_the_example_is_printed() -> None:
    answer = runner.invoke(app, ["train", "--example"])
    assert answer.exit_code == 0
    assert "[[bundle.labels]]" in answer.stdout


def test_without_a_configuration_it_says_where_one_comes_from() -> None:
    answer = runner.invoke(app, ["train"])
    assert answer.exit_code == 2
    assert "hounsfield train --example > train.toml" in answer.stderr


def test_a_wrong_key_is_an_error_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text("[data]\nprepared = 'p'\nsise = 3\n")
    answer = runner.invoke(app, ["train", "--config", str(path)])
    assert answer.exit_code == 1
    assert f"error: {path}: data.sise: unknown key; allowed: " in answer.stderr


def test_a_training_shows_its_epochs_and_at_the_end_its_figures(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, done)
    answer = runner.invoke(app, ["train", "--config", str(file)])
    assert answer.exit_code == 0, answer.stderr
    assert "slices epoch 2/5: loss 0.5000, validation loss 0.2500, AUC 0.875, best so far" in answer.stderr
    assert "0.900 (0.800 to 1.000)" in answer.stdout
    assert f"bundle: {file.with_name('train-run') / 'bundle'}" in answer.stdout


def test_figures_come_as_json_too(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, done)
    answer = runner.invoke(app, ["train", "--config", str(file), "--out", str(tmp_path / "run"), "--json"])
    told = json.loads(answer.stdout)
    assert told["bundle"] == str(tmp_path / "run" / "bundle")
    assert told["metrics"] == FIGURES["metrics"]


def test_who_stops_it_reads_how_to_go_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(_: Path) -> Result:
        raise TrainingStopped("stopped in epoch 2; the same command goes on from here")

    pretend(monkeypatch, stopped)
    answer = runner.invoke(app, ["train", "--config", str(file)])
    assert answer.exit_code == 1
    assert "the same command goes on from here" in answer.stderr
    assert "error" not in answer.stderr


def test_a_bar_is_drawn_with_the_time_that_is_left_at_most() -> None:
    from io import StringIO

    from rich.console import Console
    from rich.progress import Progress as Bars

    out = StringIO()
    with Bars(console=Console(file=out, force_terminal=True, width=120, highlight=False)) as bars:
        drawn = training_views._Drawn(bars)
        drawn(PROGRESS)
        (task,) = bars.tasks
        assert (task.completed, task.total) == (20, 50)
    assert "slices epoch 2/5" in out.getvalue()


def test_tune_prints_the_best_first_and_what_could_not_be_done_last(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = {"adam-8-0.002": None, "adam-16-0.002": 0.5, "sgd-8-0.002": None, "sgd-16-0.002": 0.25}

    def run(_: TrainConfig, cell: tune_module.Cell, folder: Path, told: tune_module.Told) -> tune_module.Row:
        assert folder == tmp_path / "tuned" / cell.name
        told(cell, "slices 1/1")
        loss = losses[cell.name]
        return tune_module.Row(cell=cell, loss=loss, auc=0.9, epochs=3, best_epoch=2, seconds=1.0,
                               failure="" if loss else "too small")  # fmt: skip

    monkeypatch.setattr(tune_module, "_run", run)
    command = ["tune", "--config", str(file), "--optimisers", "adam,sgd", "--sizes", "8,16", "--out",
               str(tmp_path / "tuned")]  # fmt: skip
    answer = runner.invoke(app, [*command, "--json"])
    rows = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [(row["optimiser"], row["size"]) for row in rows[:2]] == [("sgd", 16), ("adam", 16)]
    assert [row["failure"] for row in rows] == [None, None, "too small", "too small"]
    table = runner.invoke(app, command).stdout.splitlines()
    assert table[1].split()[:2] == ["sgd", "16"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--optimisers", "adaam"], "'adaam' is not known; allowed: adam"),
        (["--sizes", "big"], "--sizes must be numbers"),
        (["--rates", "-1"], "must be above 0"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(file: Path, options: Iterable[str], words: str) -> None:
    answer = runner.invoke(app, ["tune", "--config", str(file), *options])
    assert answer.exit_code != 0
    assert words in answer.stderr


def test_each_combination_is_a_process_whose_result_is_kept(tmp_path: Path) -> None:
    write_set(tmp_path / "p", blob, 12)
    config = config_of(tmp_path / "p", training={"epochs": 1, "batch": 8, "steps": 2, "device": "cpu"})
    said: list[str] = []
    cells = tune_module.grid(config, ["sgd"], [8, 16], [])
    rows = tune_module.tune(config, cells, tmp_path / "out", lambda cell, line: said.append(f"{cell.name}: {line}"))
    assert [row.cell.size for row in rows] == [16, 8]
    assert rows[0].epochs == 1
    assert "data.size" in rows[1].failure
    result = (tmp_path / "out" / rows[0].cell.name / "result.json").read_bytes()
    again = tune_module.tune(config, cells[1:], tmp_path / "out", lambda *_: None)
    assert again == rows[:1]
    assert (tmp_path / "out" / rows[0].cell.name / "result.json").read_bytes() == result


def test_an_empty_grid_is_the_configuration_itself() -> None:
    config = config_of(Path("p"), optimiser={"name": "nadam", "rate": 0.25})
    assert [cell.name for cell in tune_module.grid(config, [], [], [])] == ["nadam-0.25"]
    with pytest.raises(TrainingError):
        tune_module.grid(config, [], [-3], [])
