"""Whole trainings on sets that are learnt in seconds."""

import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.training_sets import blob, bundle_table, config_of, context, write_set
from support.waiting import wait_until

from hounsfield.model.bundle import open_bundle
from hounsfield.model.data.prepared import Prepared
from hounsfield.model.errors import ManifestError, TrainingError
from hounsfield.model.evaluate.scores_file import read_scores
from hounsfield.model.lint import lint
from hounsfield.model.selftest import selftest
from hounsfield.model.toml_text import toml_text
from hounsfield.model.train.config import TrainConfig
from hounsfield.model.train.loop import Hooks, Progress, TrainingStopped
from hounsfield.model.train.run import Result, train

pytestmark = pytest.mark.heavy

TODAY = date(2026, 11, 26)
LEARNS: dict[str, dict[str, Any]] = {
    "training": {"epochs": 3, "batch": 16, "device": "cpu", "checkpoint_seconds": 0.001, "tensorboard": True},
    "schedule": {"name": "cosine", "warm_up": 0.5},
}


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return write_set(tmp_path_factory.mktemp("set") / "p", blob, 40)


def learning(prepared: Prepared, **tables: Any) -> TrainConfig:
    return config_of(prepared.folder, **LEARNS | {"bundle": bundle_table()} | tables)


@pytest.fixture(scope="module")
def whole(blobs: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A training that nobody disturbed."""
    return train(learning(blobs), tmp_path_factory.mktemp("whole") / "run", Hooks(), TODAY)


def test_classic_learns_what_can_be_separated_and_becomes_a_bundle(whole: Result) -> None:
    for part in ("validation", "test"):
        assert whole.figures["metrics"][part]["by_slice"]["any"]["auroc"][0] > 0.95
    assert whole.bundle is not None
    bundle = open_bundle(whole.bundle)
    label = bundle.manifest.output.labels[0]
    scores = read_scores(whole.folder / "test.npz")
    assert (label.name, label.threshold, label.slice_threshold) == (
        "haemorrhage", scores.thresholds.series[0], scores.thresholds.slices[0],
    )  # fmt: skip
    assert selftest(bundle).passed
    assert [problem for problem in lint(bundle.folder) if problem.file != "LICENSE"] == []
    assert "No patient is in two parts".lower() in (whole.bundle / "MODEL_CARD.md").read_text().lower()


def test_tensorboard_has_something_to_read(whole: Result) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(whole.folder / "logs"))
    events.Reload()
    assert "slices/loss" in events.Tags()["tensors"]
    assert len(events.Tensors("slices/validation loss")) == 3


def test_a_training_that_is_done_is_not_done_again(blobs: Prepared, whole: Result) -> None:
    def fail(_: Progress) -> None:
        raise AssertionError("trained again")

    again = train(learning(blobs), whole.folder, Hooks(report=fail), TODAY)
    assert again.figures == whole.figures


def test_after_a_kill_it_ends_with_the_same_bundle(blobs: Prepared, whole: Result, tmp_path: Path) -> None:
    folder, file = tmp_path / "run", tmp_path / "train.toml"
    file.write_text(toml_text(learning(blobs).model_dump(mode="json", exclude_none=True)))
    command = [sys.executable, "-m", "hounsfield.model.train", str(file), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the first epoch is over
        before = (folder / "checkpoints" / "slices.npz").stat().st_mtime_ns
        wait_until(lambda: (folder / "checkpoints" / "slices.npz").stat().st_mtime_ns > before, seconds=60)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (folder / "result.json").exists()
    resumed = train(learning(blobs), folder, Hooks(), TODAY)
    assert resumed.figures["stages"] == whole.figures["stages"]
    assert whole.bundle is not None
    for name in ("manifest.toml", "model.keras", "golden/slices.npz"):
        assert (folder / "bundle" / name).read_bytes() == (whole.bundle / name).read_bytes(), name


def test_who_stops_it_is_told_how_to_go_on_and_another_training_does_not_get_in(
    blobs: Prepared, tmp_path: Path
) -> None:
    with pytest.raises(TrainingStopped, match=r"epoch 1 of 3 \(slices\), step 1; the same command goes on"):
        train(learning(blobs), tmp_path / "run", Hooks(stop=lambda: True), TODAY)
    other = learning(blobs, optimiser={"rate": 0.5})
    with pytest.raises(TrainingError, match="another configuration or other data"):
        train(other, tmp_path / "run", Hooks(), TODAY)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"labels": [bundle_table()["labels"][0] | {"name": "sdh"}]}, TrainingError, r"bundle\.labels\[0\]\.name: sdh"),
        ({"labels": [bundle_table()["labels"][0] | {"report_as": "No Blood"}]}, ManifestError, "labels.*name"),
        ({"license": "nowhere"}, TrainingError, "license: nowhere: there is no such file"),
    ],
)
def test_what_would_spoil_the_bundle_is_said_before_the_training(
    blobs: Prepared, tmp_path: Path, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        train(learning(blobs, bundle=bundle_table(**changes)), tmp_path / "run", Hooks(), TODAY)
    assert not (tmp_path / "run").exists()


def test_a_network_that_cannot_take_the_input_is_refused_in_words(blobs: Prepared, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"network Xception with input \[16, 16, 1\]: .*at least"):
        train(learning(blobs, network={"name": "Xception"}), tmp_path / "run", Hooks(), TODAY)


def test_a_sequence_network_learns_what_a_slice_alone_does_not_show(tmp_path: Path) -> None:
    prepared = write_set(tmp_path / "p", context, 60)
    stages: dict[str, float] = {}

    def tell(progress: Progress) -> None:
        if progress.figures is not None:
            stages[progress.stage] = max(stages.get(progress.stage, 0.0), progress.figures.aucs["any (slice)"])

    tables: dict[str, Any] = {
        "network": {"name": "slice-sequence", "encoder": "classic"},
        "sequence": {"epochs": 14, "batch": 6, "rate": 0.01, "units": 8, "dropout": 0.0},
        "augmentation": {"gain": 0.0, "offset": 0.0},
    }
    config = learning(prepared, **tables | {"training": LEARNS["training"] | {"monitor": "auc", "patience": 0}})
    result = train(config, tmp_path / "run", Hooks(report=tell), TODAY)
    assert stages["slices"] < 0.9
    assert stages["series"] > 0.95
    assert result.bundle is not None
    bundle = open_bundle(result.bundle)
    assert bundle.manifest.input.context == "series"
    assert selftest(bundle).passed
    assert [problem for problem in lint(bundle.folder) if problem.file != "LICENSE"] == []
    assert result.figures["metrics"]["test"]["by_slice"]["any"]["auroc"][0] > 0.9


@pytest.mark.parametrize(
    "training",
    [{"precision": "mixed_bfloat16", "epochs": 6}, {"precision": "mixed_float16", "steps": 3, "epochs": 1}],
    ids=["bfloat16", "float16"],
)
def test_half_precision_learns_too(blobs: Prepared, tmp_path: Path, training: dict[str, Any]) -> None:
    losses: list[float] = []
    tables: dict[str, Any] = {"training": {"epochs": 3, "batch": 8, "device": "cpu", "steps": 21} | training}
    result = train(
        config_of(blobs.folder, **tables),
        tmp_path / "run",
        Hooks(report=lambda told: losses.append(told.figures.loss) if told.figures else None),
        TODAY,
    )
    assert np.isfinite(losses).all()
    assert len(losses) == 1 or losses[-1] < 0.9 * losses[0]
    assert result.bundle is None
    scores = read_scores(result.folder / "validation.npz").scored.scores
    assert np.isfinite(scores).all()


def test_softmax_and_series_labels_learn_too(tmp_path: Path) -> None:
    def unknown(number: int, rng: np.random.Generator) -> tuple[Any, Any]:
        tensors, truth = blob(number, rng)
        return tensors, np.full_like(truth, np.nan)

    told = iter([(float(number % 2),) for number in range(60)])
    by_series = write_set(tmp_path / "series", unknown, 60, series_truth=lambda _: next(told))
    by_slice = write_set(tmp_path / "slice", blob, 60)
    training = {"epochs": 8, "batch": 24, "device": "cpu", "patience": 0}
    for prepared, network, level in (
        (by_series, {"name": "classic"}, "by_series"),
        (by_slice, {"name": "classic", "activation": "softmax"}, "by_slice"),
    ):
        config = config_of(prepared.folder, training=training, network=network, optimiser={"rate": 0.003})
        result = train(config, tmp_path / f"run-{level}", Hooks(), TODAY)
        assert result.figures["metrics"]["validation"][level]["any"]["auroc"][0] > 0.9, level


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process with two logical CPUs and little memory says."""
    folder = tmp_path_factory.mktemp("devices")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "support.shared_devices", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=170, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_two_devices_that_share_a_batch_learn_what_one_learns(elsewhere: dict[str, Any]) -> None:
    assert elsewhere["losses_2"] == pytest.approx(elsewhere["losses_1"], rel=1e-3)
    assert elsewhere["largest_difference"] < 0.01 * elsewhere["largest_weight"]


def test_xla_learns_the_same_nearly(elsewhere: dict[str, Any]) -> None:
    assert elsewhere["losses_xla"] == pytest.approx(elsewhere["losses_1"], rel=1e-2)


def test_a_data_set_larger_than_memory_trains(elsewhere: dict[str, Any]) -> None:
    assert elsewhere["set_bytes"] > 10 * elsewhere["room_bytes"]
    assert np.isfinite(elsewhere["losses"]).all()
