"""What every engine promises, whatever runs the network."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from support.bundles import SIDE, golden_hu, manifest_fields
from support.networks import STORED, slice_network, store
from support.predictors import slice_scores

from hounsfield.model.bundle import ModelKind, write_bundle
from hounsfield.model.errors import BundleError, DeviceError, InferenceError, OutOfModelMemory
from hounsfield.model.explain import explainer_for
from hounsfield.model.predictor import Predictor
from hounsfield.model.runtime import tensorflow
from hounsfield.model.selftest import selftest, write_bundle_with_golden

pytestmark = pytest.mark.heavy

SPACING = (0.5, 0.5)
Make = Callable[..., Predictor]


@pytest.fixture(scope="module", params=STORED)
def stored(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(stored: str, tmp_path: Path) -> Make:
    """Return what stores a model in this engine's way and loads it."""

    def made(model: Any, fields: dict[str, Any] | None = None, batch: int = 4) -> Predictor:
        store(tmp_path / "b", stored, model)
        return Predictor(write_bundle(tmp_path / "b", fields or manifest_fields()), "cpu", batch)

    return made


@pytest.fixture(scope="module")
def predictor(stored: str, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("bundles") / "b"
    store(folder, stored, slice_network())
    return Predictor(write_bundle_with_golden(folder, manifest_fields(), golden_hu(), SPACING), "cpu", batch=4)


def tensors(hu: np.ndarray) -> np.ndarray:
    """What preprocessing makes of them."""
    return np.clip(hu / np.float32(80), 0, 1).reshape(len(hu), SIDE, 2, SIDE, 2).mean(axis=(2, 4))[..., None]


def score(predictor: Predictor, hu: np.ndarray) -> np.ndarray:
    return slice_scores(predictor, iter(hu), [SPACING] * len(hu))


def labels(*columns: int) -> dict[str, Any]:
    fields = manifest_fields()
    (label,) = fields["output"]["labels"]
    fields["output"]["labels"] = [{**label, "name": f"label-{column}", "index": column} for column in columns]
    return fields


def test_the_scores_are_those_of_the_network_in_keras(predictor: Predictor) -> None:
    hu = golden_hu(9)
    assert score(predictor, hu) == pytest.approx(np.asarray(slice_network()(tensors(hu))), abs=1e-6)


@pytest.mark.parametrize("slices", [1, 3, 4, 5, 9])
def test_a_slices_score_does_not_depend_on_how_many_there_are(predictor: Predictor, slices: int) -> None:
    hu = golden_hu(9)
    assert np.array_equal(score(predictor, hu[:slices]), score(predictor, hu)[:slices])


@pytest.mark.parametrize("batch", [1, 3])
def test_another_batch_of_the_same_networks_gives_the_same_scores(predictor: Predictor, batch: int) -> None:
    hu = golden_hu(5)
    other = predictor.with_batch(batch)
    assert other.batch == batch
    assert other.engine is predictor.engine
    assert score(other, hu) == pytest.approx(score(predictor, hu), abs=1e-6)
    assert predictor.runtime_facts()["batch"] == "4"


def test_several_threads_may_use_it(predictor: Predictor) -> None:
    hu = golden_hu(40)
    expected = score(predictor, hu)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: score(predictor, hu), range(8)))
    assert all(np.array_equal(one, expected) for one in found)


def test_a_series_has_the_scores_of_its_slices_and_their_aggregate(predictor: Predictor) -> None:
    hu = golden_hu(5)
    answer = predictor.analyse(iter(hu), [SPACING] * 5, [5.0] * 4)
    assert np.array_equal(answer.slices, score(predictor, hu))
    assert answer.series == pytest.approx(np.sort(answer.slices[:, 0])[-3:].mean(keepdims=True))
    assert answer.in_sequence(0) is None


def test_steps_and_spacings_have_to_fit(predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="5 slices have 4 steps, not 5"):
        predictor.analyse(golden_hu(5), [SPACING] * 5, [5.0] * 5)


def test_a_series_without_slices_has_no_score(predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="at least one slice"):
        predictor.analyse_tensors([], [])


def test_it_says_what_it_ran_on(predictor: Predictor, stored: str) -> None:
    facts = predictor.runtime_facts()
    assert facts["device"].startswith("/device:CPU:0 (")
    assert facts["engine"] == stored.split(",")[0]
    assert facts["onnxruntime" if "onnx" in stored else "tensorflow"].count(".") == 2
    assert (facts["precision"], facts["xla"], facts["batch"]) == ("float32", "no", "4")


def test_its_golden_scores_pass(predictor: Predictor) -> None:
    result = selftest(predictor.bundle, predictor)
    assert result.passed
    assert result.largest_difference <= 1e-6


def test_something_can_be_said_about_what_a_score_rests_on(predictor: Predictor) -> None:
    explainer = explainer_for(predictor)
    hu = golden_hu(1)[0]
    heatmap = explainer.explain(hu, SPACING)
    assert heatmap.shape == hu.shape
    assert heatmap.max() == 1.0


def test_labels_come_in_the_manifests_order(make: Make) -> None:
    model = slice_network(3, "softmax")
    hu = golden_hu(3)
    expected = np.asarray(model(tensors(hu)))[:, [2, 0]]
    assert score(make(model, labels(2, 0)), hu) == pytest.approx(expected, abs=1e-6)


def test_a_model_for_another_input_is_refused_at_warm_up(make: Make) -> None:
    with pytest.raises(BundleError, match=r"does not take input\.shape \[32, 32, 1\]"):
        make(slice_network(side=16)).warm_up()


def test_a_model_for_other_channels_is_refused_at_warm_up(make: Make) -> None:
    with pytest.raises(BundleError, match=r"does not take input\.shape \[32, 32, 1\]"):
        make(slice_network(channels=3)).warm_up()


def test_a_model_with_too_few_outputs_is_refused_at_warm_up(make: Make) -> None:
    with pytest.raises(BundleError, match=r"needs \(slices, at least 2\)"):
        make(slice_network(), labels(0, 1)).warm_up()


@pytest.mark.parametrize(("activation", "weight"), [("linear", 100.0), ("sigmoid", np.nan)])
def test_an_answer_that_is_no_probability_is_an_error(make: Make, activation: str, weight: float) -> None:
    model = slice_network(activation=activation)
    model.set_weights([one * 0 + weight for one in model.get_weights()])
    with pytest.raises(InferenceError, match="not probabilities"):
        score(make(model), golden_hu(1))


def test_a_model_that_needs_more_memory_than_there_is_says_so(make: Make) -> None:
    import keras

    image = keras.Input((SIDE, SIDE, 1))
    huge = keras.layers.UpSampling2D((60_000_000, 1))(image)
    with pytest.raises(OutOfModelMemory, match="has no memory for so many slices at once"):
        make(keras.Model(image, keras.layers.GlobalMaxPooling2D()(huge))).warm_up()


def test_neighbouring_slices_stand_in_the_channels(make: Make) -> None:
    fields = manifest_fields()
    fields["input"] = {"shape": [SIDE, SIDE, 3], "neighbours": 1}
    model = slice_network(channels=3)
    seen = tensors(golden_hu(6))[..., 0]
    beside = np.stack([seen[[0, 0, 1, 2, 3, 4]], seen, seen[[1, 2, 3, 4, 5, 5]]], axis=-1)
    assert score(make(model, fields), golden_hu(6)) == pytest.approx(np.asarray(model(beside)), abs=1e-6)


@pytest.mark.parametrize("device", ["tpu", "gpu:x", "", "cpu:1"])
def test_an_unknown_device_is_answered_with_those_allowed(predictor: Predictor, device: str) -> None:
    with pytest.raises(DeviceError, match='allowed: "auto", "cpu", "gpu" or "gpu:N"'):
        Predictor(predictor.bundle, device)


def test_a_gpu_that_is_not_there_is_an_error_and_not_silently_the_cpu(predictor: Predictor) -> None:
    with pytest.raises(DeviceError, match=r"gpu:99.*is not there"):
        Predictor(predictor.bundle, "gpu:99")


def has_gpu(predictor: Predictor) -> bool:
    """A GPU that is there and cannot be used is a failure and no reason to skip."""
    if predictor.bundle.kind is ModelKind.ONNX:
        return "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    return bool(tensorflow().config.list_physical_devices("GPU"))


@pytest.mark.gpu
def test_a_gpu_gives_the_scores_of_the_cpu(predictor: Predictor) -> None:
    if not has_gpu(predictor):
        pytest.skip("no GPU for this engine")
    gpu = Predictor(predictor.bundle, "gpu:0", batch=4)
    assert score(gpu, golden_hu(9)) == pytest.approx(score(predictor, golden_hu(9)), abs=1e-5)
    assert gpu.device.startswith("/device:GPU:0 (")
