"""What is fastest is measured, and remembered for the same bundle, device, versions and batch."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bundles import golden_hu, manifest_fields
from support.networks import encoder, slice_network, store

from hounsfield.model.bundle import Bundle, write_bundle
from hounsfield.model.engines import PLAIN, Execution, Precision
from hounsfield.model.engines.choice import ROUNDS, Choices, fastest
from hounsfield.model.engines.mixed import in_mixed_precision
from hounsfield.model.engines.tensorflow_engine import TensorFlowEngine
from hounsfield.model.networks import NetworkSpec, build_network, export_scores
from hounsfield.model.predictor import Predictor
from hounsfield.model.selftest import selftest, write_bundle_with_golden

pytestmark = pytest.mark.heavy

XLA = Execution(xla=True)
HALF = Execution(precision=Precision.MIXED_FLOAT16)
SPACING = (0.5, 0.5)


def timed(**seconds: float) -> tuple[Execution, dict[Execution, float]]:
    """Return what is chosen when the ways take so long, in a clock that only they move."""
    now = 0.0

    def take(length: float) -> None:
        nonlocal now
        now += length

    ways = {"plain": PLAIN, "xla": XLA, "half": HALF}
    runs = {ways[name]: lambda length=length: take(length) for name, length in seconds.items()}
    return fastest(runs, lambda: now)


@pytest.mark.parametrize(
    ("plain", "xla", "half", "chosen"),
    [(1.0, 0.5, 0.7, XLA), (1.0, 0.9, 0.4, HALF), (1.0, 2.0, 3.0, PLAIN), (1.0, 0.97, 0.96, PLAIN)],
)
def test_the_fastest_by_a_clear_margin_is_taken(plain: float, xla: float, half: float, chosen: Execution) -> None:
    found, seconds = timed(plain=plain, xla=xla, half=half)
    assert found == chosen
    assert seconds == pytest.approx({PLAIN: plain, XLA: xla, HALF: half})


def test_one_slow_moment_decides_nothing() -> None:
    slow = itertools.chain([0.0, 9.0], itertools.cycle([0.0, 0.1]))
    lengths = [next(slow) for _ in range(4 * ROUNDS)]
    ticks = iter(np.cumsum(lengths).tolist())
    assert fastest({PLAIN: lambda: None, XLA: lambda: None}, lambda: next(ticks))[1] == pytest.approx(
        {PLAIN: 0.1, XLA: 0.1}
    )


def test_what_was_chosen_is_remembered_by_its_key(tmp_path: Path) -> None:
    choices = Choices(tmp_path / "new" / "choices.json")
    choices.remember(("bundle", "device"), XLA, {PLAIN: 0.004, XLA: 0.002})
    choices.remember(("bundle", "other"), PLAIN, {PLAIN: 0.004})
    assert choices.recall(("bundle", "device"), (PLAIN, XLA)) == XLA
    assert choices.recall(("bundle", "other"), (PLAIN, XLA)) == PLAIN
    assert choices.recall(("bundle", "third"), (PLAIN, XLA)) is None
    assert choices.recall(("bundle", "device"), (PLAIN,)) is None
    entries = json.loads((tmp_path / "new" / "choices.json").read_text())
    assert {"float32": 4.0, "float32 xla": 2.0} in [one["milliseconds"] for one in entries.values()]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["choices.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", "1", '{"a": 1}', "[" * 100_000, "\x00"])
def test_a_file_that_cannot_be_read_is_measured_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "choices.json").write_text(content)
    choices = Choices(tmp_path / "choices.json")
    assert choices.recall(("key",), (PLAIN,)) is None
    choices.remember(("key",), PLAIN, {})
    assert choices.recall(("key",), (PLAIN,)) == PLAIN


@pytest.mark.parametrize("entry", [1, {}, {"precision": "float8", "xla": True}, {"precision": ["float32"], "xla": 1}])
def test_an_entry_that_is_not_ours_is_measured_anew(tmp_path: Path, entry: Any) -> None:
    choices = Choices(tmp_path / "choices.json")
    choices.remember(("key",), PLAIN, {})
    (name,) = json.loads(choices.path.read_text())
    choices.path.write_text(json.dumps({name: entry}))
    assert choices.recall(("key",), (PLAIN,)) is None


def test_a_file_that_cannot_be_written_costs_nothing_but_the_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    Choices(tmp_path / "file" / "choices.json").remember(("key",), PLAIN, {})
    assert (tmp_path / "file").read_text() == ""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "b"
    store(folder, "keras", slice_network())
    return write_bundle_with_golden(folder, manifest_fields(), golden_hu(), SPACING)


def test_a_warm_up_measures_once_and_then_remembers(
    tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[set[Execution]] = []

    def pretended(runs: Any) -> tuple[Execution, dict[Execution, float]]:
        measured.append(set(runs))
        return XLA, dict.fromkeys(runs, 0.001)

    monkeypatch.setattr("hounsfield.model.predictor.fastest", pretended)
    for _ in range(2):
        predictor = Predictor(tiny, "cpu", 4, ways=(PLAIN, XLA), choices=tmp_path / "choices.json")
        predictor.warm_up()
        assert predictor.execution == XLA
        assert predictor.runtime_facts()["xla"] == "yes"
        assert selftest(tiny, predictor).passed
    assert measured == [{PLAIN, XLA}]
    Predictor(tiny, "cpu", 2, ways=(PLAIN, XLA), choices=tmp_path / "choices.json").warm_up()
    assert len(measured) == 2, "another batch is another measurement"
    assert predictor.with_batch(2).execution == XLA


def test_without_a_file_nothing_is_measured(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hounsfield.model.predictor.fastest", None)
    predictor = Predictor(tiny, "cpu", 4)
    predictor.warm_up()
    assert predictor.execution == PLAIN


def test_a_way_that_changes_golden_scores_is_not_taken(
    tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = TensorFlowEngine.prepare

    def drifting(self: TensorFlowEngine, shape: tuple[int, ...], execution: Execution) -> Any:
        run = prepare(self, shape, PLAIN)
        return run if execution == PLAIN else lambda batch: run(batch) * 0.9

    monkeypatch.setattr(TensorFlowEngine, "prepare", drifting)
    predictor = Predictor(tiny, "cpu", 4, ways=(PLAIN, XLA), choices=tmp_path / "choices.json")
    predictor.warm_up()
    assert predictor.execution == PLAIN
    assert selftest(tiny, predictor).passed
    (entry,) = json.loads((tmp_path / "choices.json").read_text()).values()
    assert list(entry["milliseconds"]) == ["float32"]


def test_a_bundle_without_golden_slices_runs_plainly(tmp_path: Path) -> None:
    store(tmp_path / "b", "keras", slice_network())
    bundle = write_bundle(tmp_path / "b", manifest_fields())
    predictor = Predictor(bundle, "cpu", 4, choices=tmp_path / "choices.json")
    predictor.warm_up()
    assert predictor.execution == PLAIN


def test_half_precision_keeps_weights_and_scores_in_float32() -> None:
    model = export_scores(build_network(NetworkSpec(name="compact", shape=(32, 32, 2), labels=2)))
    half = in_mixed_precision(model)
    tensors = np.random.default_rng(0).random((3, 32, 32, 2)).astype(np.float32)
    found = half(tensors, training=False)
    assert found.dtype == "float32"
    assert np.asarray(found) == pytest.approx(np.asarray(model(tensors, training=False)), abs=5e-3)
    assert not np.array_equal(np.asarray(found), np.asarray(model(tensors, training=False)))
    assert {layer.compute_dtype for layer in half.layers if type(layer).__name__ == "Conv2D"} == {"float16"}
    assert half.get_layer("score").compute_dtype == "float32"
    assert {str(weight.dtype) for weight in half.weights} == {"float32"}


def test_the_vectors_of_slices_may_be_made_in_half_precision() -> None:
    half = in_mixed_precision(encoder())
    assert half(np.zeros((1, 32, 32, 1), np.float32)).dtype == "float32"
