"""What needs TensorFlow: one module, so that one process pays for importing it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bundles import SIDE, golden_hu, manifest_fields
from support.predictors import slice_scores

from hounsfield.model.bundle import Bundle, ModelKind, write_bundle
from hounsfield.model.errors import BundleError, DeviceError, InferenceError
from hounsfield.model.golden import golden_bytes, read_golden
from hounsfield.model.lint import lint
from hounsfield.model.predictor import Predictor
from hounsfield.model.runtime import tensorflow
from hounsfield.model.selftest import selftest, write_bundle_with_golden
from hounsfield.model.series_scores import SeriesScores, findings

pytestmark = pytest.mark.heavy

SPACING = (0.5, 0.5)
DOCUMENTS: dict[str, bytes | Path] = {"MODEL_CARD.md": b"# Card\n", "LICENSE": b"Apache-2.0\n"}


def network(outputs: int = 1, activation: str = "sigmoid") -> Any:
    """Build an untrained model of about 60 parameters, the same at each call."""
    tensorflow()
    import keras

    keras.utils.set_random_seed(7)
    inputs = keras.Input((SIDE, SIDE, 1))
    inner = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(inputs)
    inner = keras.layers.GlobalMaxPooling2D()(inner)
    return keras.Model(inputs, keras.layers.Dense(outputs, activation=activation)(inner))


def two_labels() -> dict[str, Any]:
    fields = manifest_fields()
    (label,) = fields["output"]["labels"]
    fields["output"]["labels"] = [{**label, "name": "second", "index": 1}, label]
    return fields


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles")
    network().save(folder / "model.keras")
    files = {**DOCUMENTS, "model.keras": folder / "model.keras"}
    return write_bundle_with_golden(folder / "tiny", manifest_fields(), golden_hu(), SPACING, files)


@pytest.fixture(scope="module")
def predictor(tiny: Bundle) -> Predictor:
    return Predictor(tiny, "cpu", batch=4)


def score(predictor: Predictor, hu: np.ndarray) -> np.ndarray:
    return slice_scores(predictor, iter(hu), [SPACING] * len(hu))


def served(tmp_path: Path, model: Any, fields: dict[str, Any]) -> Predictor:
    model.save(tmp_path / "model.keras")
    return Predictor(write_bundle(tmp_path / "b", fields, {"model.keras": tmp_path / "model.keras"}), "cpu", batch=2)


def test_a_bundle_written_with_its_golden_scores_is_clean_and_passes_its_self_test(tiny: Bundle) -> None:
    result = selftest(tiny)
    assert lint(tiny.folder) == []
    assert result.passed
    assert result.largest_difference <= 1e-6
    assert result.slices == 5


def test_the_scores_are_those_of_the_model_itself(predictor: Predictor) -> None:
    hu = golden_hu(6).astype(np.float32)
    tensors = np.clip(hu / 80, 0, 1).reshape(6, SIDE, 2, SIDE, 2).mean(axis=(2, 4))[..., None]
    assert score(predictor, hu) == pytest.approx(np.asarray(network()(tensors)), abs=1e-6)


@pytest.mark.parametrize("slices", [1, 3, 4, 5, 9])
def test_a_slices_score_does_not_depend_on_how_many_there_are(predictor: Predictor, slices: int) -> None:
    hu = golden_hu(9)
    assert np.array_equal(score(predictor, hu[:slices]), score(predictor, hu)[:slices])


def test_a_series_without_slices_is_an_error(predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="0 slices"):
        predictor.analyse(golden_hu()[:0], [], [])


def test_slices_without_spacing_are_an_error(predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="shorter than"):
        slice_scores(predictor, golden_hu(5), [SPACING] * 4)


def test_slices_are_taken_only_a_few_batches_ahead(predictor: Predictor) -> None:
    taken, finished = 0, []
    run = predictor._run

    def counted(tensors: list[np.ndarray]) -> np.ndarray:
        finished.append(taken)
        return run(tensors)

    def slices() -> Iterator[np.ndarray]:
        nonlocal taken
        for hu in golden_hu(60):
            taken += 1
            yield hu

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictor, "_run", counted)
        slice_scores(predictor, slices(), [SPACING] * 60)
    ahead = [count - 4 * batch for batch, count in enumerate(finished)]
    assert max(ahead) <= 4 * 5


def test_the_model_begins_with_the_first_full_batch_and_waits_for_no_later_slice(predictor: Predictor) -> None:
    begun = threading.Event()
    run = predictor._run

    def noticed(tensors: list[np.ndarray]) -> np.ndarray:
        begun.set()
        return run(tensors)

    def slices() -> Iterator[np.ndarray]:
        for number, hu in enumerate(golden_hu(9)):
            assert number < 4 or begun.wait(30), "four slices are a batch"
            yield hu

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictor, "_run", noticed)
        assert slice_scores(predictor, slices(), [SPACING] * 9).shape == (9, 1)


def test_a_model_that_fails_while_slices_still_come_leaves_no_thread_behind(predictor: Predictor) -> None:
    def failing(_: list[np.ndarray]) -> np.ndarray:
        raise RuntimeError("out of memory")

    def slices() -> Iterator[np.ndarray]:
        while True:
            yield golden_hu(1)[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictor, "_run", failing)
        with pytest.raises(RuntimeError, match="out of memory"):
            slice_scores(predictor, slices(), [SPACING] * 100_000)
    assert not any(thread.name == "slices" for thread in threading.enumerate())


def test_an_error_while_decoding_reaches_the_caller(predictor: Predictor) -> None:
    def slices() -> Iterator[np.ndarray]:
        yield from golden_hu(9)
        raise OSError("slice 10")

    with pytest.raises(OSError, match="slice 10"):
        slice_scores(predictor, slices(), [SPACING] * 10)


def test_the_device_is_where_the_model_ran(predictor: Predictor) -> None:
    assert predictor.device.startswith("/device:CPU:0 (")
    assert predictor.device.endswith(")")


@pytest.mark.parametrize("device", ["tpu", "gpu:x", "", "cpu:1"])
def test_an_unknown_device_is_answered_with_those_allowed(tiny: Bundle, device: str) -> None:
    with pytest.raises(DeviceError, match='allowed: "auto", "cpu", "gpu" or "gpu:N"'):
        Predictor(tiny, device)


def test_a_gpu_that_is_not_there_is_an_error_and_not_silently_the_cpu(tiny: Bundle) -> None:
    with pytest.raises(DeviceError, match=r"gpu:99.*is not there"):
        Predictor(tiny, "gpu:99")


@pytest.mark.gpu
def test_a_gpu_gives_the_scores_of_the_cpu(tiny: Bundle) -> None:
    if not tensorflow().config.list_physical_devices("GPU"):
        pytest.skip("no GPU")
    gpu = Predictor(tiny, "gpu:0", batch=4)
    assert score(gpu, golden_hu(9)) == pytest.approx(score(Predictor(tiny, "cpu"), golden_hu(9)), abs=1e-5)
    assert gpu.device.startswith("/device:GPU:0 (")


def test_a_saved_model_is_served_with_the_same_scores(tiny: Bundle, predictor: Predictor, tmp_path: Path) -> None:
    network().export(tmp_path / "b" / "saved_model", verbose=False)
    bundle = write_bundle(tmp_path / "b", manifest_fields(), DOCUMENTS)
    assert bundle.kind is ModelKind.SAVED_MODEL
    hu = golden_hu(5)
    assert score(Predictor(bundle, "cpu"), hu) == pytest.approx(score(predictor, hu), abs=1e-6)


def test_labels_come_in_the_manifests_order_and_findings_name_them(tmp_path: Path) -> None:
    model = network(outputs=2, activation="softmax")
    predictor = served(tmp_path, model, two_labels())
    scores = score(predictor, golden_hu(5))
    tensors = np.clip(golden_hu(5) / np.float32(80), 0, 1).reshape(5, SIDE, 2, SIDE, 2).mean(axis=(2, 4))[..., None]
    assert scores == pytest.approx(np.asarray(model(tensors))[:, [1, 0]], abs=1e-6)
    answers = SeriesScores(slices=scores, series=scores.max(axis=0))
    second, first = findings(predictor.bundle, [(uid, None) for uid in "abcde"], answers)
    assert (second.label, first.label) == ("second", "haemorrhage")
    assert second.score == pytest.approx(float(np.sort(scores[:, 0])[-3:].mean()), abs=1e-6)
    assert [one.sop_instance_uid for one in first.slices] == list("abcde")
    assert [one.score for one in first.slices] == pytest.approx(scores[:, 1].tolist())
    assert first.flagged is (first.score >= 0.5)


def test_scores_that_do_not_fit_their_instances_are_an_error(tiny: Bundle) -> None:
    with pytest.raises(ValueError, match="must have shape"):
        findings(tiny, [("a", None), ("b", None)], SeriesScores(slices=np.zeros((3, 1)), series=np.zeros(1)))


def test_golden_scores_that_drifted_fail_the_self_test(tiny: Bundle, tmp_path: Path) -> None:
    golden = read_golden(tiny)
    drifted = golden_bytes(golden.hu, golden.spacing_mm, np.clip(golden.expected + 0.01, 0, 1))
    files = {name: tiny.folder / name for name in tiny.manifest.files}
    bundle = write_bundle(tmp_path / "drifted", manifest_fields(), {**files, "golden/slices.npz": drifted})
    result = selftest(bundle)
    assert not result.passed
    assert result.largest_difference == pytest.approx(0.01, abs=1e-4)


def test_a_changed_model_fails_the_self_test(tiny: Bundle, tmp_path: Path) -> None:
    model = network()
    model.set_weights([weight * 1.5 for weight in model.get_weights()])
    model.save(tmp_path / "model.keras")
    files = {name: tiny.folder / name for name in tiny.manifest.files}
    bundle = write_bundle(tmp_path / "b", manifest_fields(), {**files, "model.keras": tmp_path / "model.keras"})
    assert not selftest(bundle).passed


def test_a_bundle_without_golden_slices_cannot_be_tested(tiny: Bundle, predictor: Predictor, tmp_path: Path) -> None:
    files = {"model.keras": tiny.model_path}
    with pytest.raises(BundleError, match="must be an npz with hu, spacing and expected"):
        selftest(write_bundle(tmp_path / "b", manifest_fields(), files), predictor)


def test_a_model_for_another_input_is_refused_at_warm_up(tmp_path: Path) -> None:
    fields = manifest_fields()
    fields["input"] = {"shape": [16, 16, 1]}
    fields["preprocessing"]["steps"][1]["pixels"] = 16
    with pytest.raises(BundleError, match=r"does not take input\.shape \[16, 16, 1\]"):
        served(tmp_path, network(), fields).warm_up()


def test_steps_that_do_not_fit_together_are_refused_at_warm_up(tmp_path: Path) -> None:
    fields = manifest_fields()
    fields["preprocessing"]["steps"].append({"name": "normalise", "mean": [0.1, 0.2], "deviation": [1.0, 1.0]})
    with pytest.raises(BundleError, match="'normalise' has 2 values for 1 channels"):
        served(tmp_path, network(), fields).warm_up()


def test_preprocessing_that_does_not_make_the_input_is_refused_at_warm_up(tmp_path: Path) -> None:
    fields = manifest_fields()
    fields["preprocessing"]["steps"][1]["pixels"] = 16
    with pytest.raises(BundleError, match=r"preprocessing makes tensors of shape \[16, 16, 1\]"):
        served(tmp_path, network(), fields).warm_up()


def test_a_model_with_too_few_outputs_is_refused_at_warm_up(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"needs \(slices, at least 2\)"):
        served(tmp_path, network(), two_labels()).warm_up()


def test_an_answer_that_is_no_probability_is_an_error(tmp_path: Path) -> None:
    model = network(activation="linear")
    model.set_weights([weight * 0 + 100 for weight in model.get_weights()])
    with pytest.raises(InferenceError, match="not probabilities"):
        score(served(tmp_path, model, manifest_fields()), golden_hu(1))


def test_an_answer_that_is_not_a_number_is_an_error(tmp_path: Path) -> None:
    model = network()
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    with pytest.raises(InferenceError, match="NaN"):
        score(served(tmp_path, model, manifest_fields()), golden_hu(1))


def test_weights_that_do_not_fit_are_refused_without_a_traceback_of_keras(tiny: Bundle, tmp_path: Path) -> None:
    from support.bundles import keras_archive, layer

    files = {"model.keras": keras_archive(layer("Dense"))}
    with pytest.raises(BundleError, match=r"model\.keras does not load"):
        Predictor(write_bundle(tmp_path / "b", manifest_fields(), files), "cpu")


def test_a_real_lambda_layer_is_refused(tmp_path: Path) -> None:
    import keras

    inputs = keras.Input((SIDE, SIDE, 1))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs))
    with pytest.raises(BundleError, match="holds Lambda, which is refused"):
        served(tmp_path, model, manifest_fields())


def test_a_compiled_model_with_everyday_layers_is_served(tmp_path: Path) -> None:
    import keras

    inputs = keras.Input((SIDE, SIDE, 1))
    inner = keras.layers.Conv2D(4, 3, kernel_regularizer=keras.regularizers.L2(1e-4))(inputs * 2.0 - 1.0)
    inner = keras.layers.Bidirectional(keras.layers.GRU(2))(keras.layers.Reshape((-1, 4))(inner))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dropout(0.5)(inner)))
    model.compile(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(1e-3, 10)), "binary_crossentropy", ["auc"]
    )
    assert score(served(tmp_path, model, manifest_fields()), golden_hu(1)).shape == (1, 1)


def test_a_loss_of_the_authors_own_is_refused_and_the_advice_given_helps(tmp_path: Path) -> None:
    import keras

    def own_loss(truth: Any, score: Any) -> Any:
        return truth - score

    model = network()
    model.compile("adam", own_loss)
    with pytest.raises(BundleError, match=r"save keras\.Model\(model\.inputs, model\.outputs\)"):
        served(tmp_path, model, manifest_fields())
    bare = keras.Model(model.inputs, model.outputs)
    assert score(served(tmp_path, bare, manifest_fields()), golden_hu(2)).shape == (2, 1)
