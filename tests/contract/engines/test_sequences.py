"""Bundles of two networks: the second reads the vectors of all slices of a series, and the distances between them."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bundles import SIDE, golden_hu, sequence_fields
from support.networks import IN_TWO, encoder, sequence_network, slice_network, store

from hounsfield.model.bundle import Bundle, write_bundle
from hounsfield.model.errors import BundleError, InferenceError
from hounsfield.model.explain import Beside, explainer_for, hottest
from hounsfield.model.golden import golden_bytes, read_golden
from hounsfield.model.lint import lint
from hounsfield.model.predictor import Predictor
from hounsfield.model.selftest import selftest, write_bundle_with_golden
from hounsfield.model.series_scores import SeriesScores, findings

pytestmark = pytest.mark.heavy

SPACING = (1.0, 1.0)
LABELS = 3
DOCUMENTS: dict[str, bytes | Path] = {"MODEL_CARD.md": b"# Card\n", "LICENSE": b"Apache-2.0\n"}
POSITIONS = (0.0, 5.0, 10.1, 15.0, 20.0)


@pytest.fixture(scope="module", params=IN_TWO)
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "b"
    store(folder, request.param, encoder(), sequence_network(LABELS))
    return write_bundle_with_golden(folder, sequence_fields(LABELS), golden_hu(), SPACING, DOCUMENTS, POSITIONS)


@pytest.fixture(scope="module")
def predictor(bundle: Bundle) -> Predictor:
    return Predictor(bundle, "cpu", batch=4)


def analysed(predictor: Predictor, hu: np.ndarray, steps: list[float]) -> SeriesScores:
    return predictor.analyse(iter(hu), [SPACING] * len(hu), steps)


@functools.cache
def networks() -> tuple[Any, Any]:
    return encoder(), sequence_network(LABELS)


def by_hand(hu: np.ndarray, steps: list[float]) -> tuple[np.ndarray, np.ndarray]:
    tensors = np.clip(hu / np.float32(80), 0, 1).reshape(len(hu), SIDE, 2, SIDE, 2).mean(axis=(2, 4))[..., None]
    first, second = networks()
    rows = np.concatenate([np.asarray(first(tensors)), np.array([[0.0, *steps]]).T], axis=1)
    slices, series = second(rows[None].astype(np.float32))
    return np.asarray(slices)[0], np.asarray(series)[0]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_slices_and_series_have_the_scores_of_the_second_network(predictor: Predictor, count: int) -> None:
    hu, steps = golden_hu(count), [4.0 + 0.3 * k for k in range(count - 1)]
    slices, series = by_hand(hu, steps)
    answer = analysed(predictor, hu, steps)
    assert answer.slices == pytest.approx(slices, abs=1e-5)
    assert answer.series == pytest.approx(series, abs=1e-5)


def test_a_fine_series_is_read_as_coarser_ones_between_each_other(predictor: Predictor) -> None:
    hu = golden_hu(11)
    answer = analysed(predictor, hu, [1.5] * 10)  # of every third slice, 4.5 mm apart
    parts = [by_hand(hu[first::3], [4.5] * (len(hu[first::3]) - 1)) for first in range(3)]
    for first, (slices, _) in enumerate(parts):
        assert answer.slices[first::3] == pytest.approx(slices, abs=1e-5)
    assert answer.series == pytest.approx(np.mean([series for _, series in parts], axis=0), abs=1e-5)
    assert [len(rows) for rows in answer.sequences] == [4, 4, 3]


def test_findings_have_the_series_scores_of_the_model(predictor: Predictor) -> None:
    answer = analysed(predictor, golden_hu(3), [5.0, 5.0])
    found = findings(predictor.bundle, [("a", None), ("b", None), ("c", 2)], answer)
    assert [one.label for one in found] == ["haemorrhage", "kind-1", "kind-2"]
    assert [one.decides for one in found] == [True, False, False]
    assert [one.score for one in found] == pytest.approx(answer.series.tolist())
    assert [one.score for one in found[1].slices] == pytest.approx(answer.slices[:, 1].tolist())
    assert [one.frame for one in found[0].slices] == [None, None, 2]


def test_the_golden_series_passes_and_the_bundle_is_clean(bundle: Bundle, predictor: Predictor) -> None:
    golden = read_golden(bundle)
    assert golden.steps_mm == pytest.approx([5.0, 5.1, 4.9, 5.0])
    assert golden.expected.shape == (5, LABELS)
    assert lint(bundle.folder) == []
    assert selftest(bundle, predictor).passed


@pytest.mark.parametrize("drifted", ["slices", "series"])
def test_golden_scores_that_drifted_fail_the_self_test(
    bundle: Bundle, predictor: Predictor, tmp_path: Path, drifted: str
) -> None:
    golden = read_golden(bundle)
    assert golden.expected_series is not None
    slices, series = golden.expected.copy(), golden.expected_series.copy()
    (slices if drifted == "slices" else series)[-1] += 0.01
    files: dict[str, bytes | Path] = {name: bundle.folder / name for name in bundle.manifest.files}
    files["golden/slices.npz"] = golden_bytes(golden.hu, golden.spacing_mm, slices, series, POSITIONS)
    result = selftest(write_bundle(tmp_path / "b", sequence_fields(LABELS), files), predictor)
    assert not result.passed
    assert result.largest_difference == pytest.approx(0.01, abs=1e-4)


@pytest.mark.parametrize("positions", [None, (0.0, 5.0)])
def test_a_golden_series_needs_its_positions(bundle: Bundle, tmp_path: Path, positions: Any) -> None:
    files = {name: bundle.folder / name for name in bundle.manifest.files if name.startswith(("model", "sequence"))}
    with pytest.raises(ValueError, match="need one position"):
        write_bundle_with_golden(tmp_path / "b", sequence_fields(LABELS), golden_hu(), SPACING, files, positions)


@pytest.mark.parametrize("positions", [np.array([0.0, 5.0, 5.0, 15.0, 20.0]), np.array([0.0, 5.0]), None])
def test_golden_positions_ascend(bundle: Bundle, tmp_path: Path, positions: np.ndarray | None) -> None:
    golden = read_golden(bundle)
    files: dict[str, bytes | Path] = {name: bundle.folder / name for name in bundle.manifest.files}
    content = golden_bytes(golden.hu, golden.spacing_mm, golden.expected, golden.expected_series, positions)
    files["golden/slices.npz"] = content
    changed = write_bundle(tmp_path / "b", sequence_fields(LABELS), files)
    with pytest.raises(BundleError, match="positions_mm"):
        read_golden(changed)


def test_a_smaller_batch_gives_the_same_scores(predictor: Predictor) -> None:
    hu = golden_hu(6)
    expected = analysed(predictor, hu, [5.0] * 5)
    found = analysed(predictor.with_batch(1), hu, [5.0] * 5)
    assert found.slices == pytest.approx(expected.slices, abs=1e-6)
    assert found.series == pytest.approx(expected.series, abs=1e-6)


@pytest.mark.parametrize("stored", IN_TWO)
def test_a_second_network_for_other_vectors_is_refused_at_warm_up(tmp_path: Path, stored: str) -> None:
    store(tmp_path / "b", stored, encoder(4), sequence_network(1, width=5))
    bundle = write_bundle(tmp_path / "b", sequence_fields())
    with pytest.raises(BundleError, match="sequence network does not take vectors of 4 numbers"):
        Predictor(bundle, "cpu").warm_up()


@pytest.mark.parametrize("stored", IN_TWO)
def test_a_second_network_with_too_few_scores_is_refused_at_warm_up(tmp_path: Path, stored: str) -> None:
    store(tmp_path / "b", stored, encoder(), sequence_network(1))
    bundle = write_bundle(tmp_path / "b", sequence_fields(2))
    with pytest.raises(BundleError, match="needs at least 2 scores of each"):
        Predictor(bundle, "cpu").warm_up()


@pytest.mark.parametrize("stored", IN_TWO)
def test_vectors_that_are_not_numbers_are_an_error(tmp_path: Path, stored: str) -> None:
    model = slice_network(4, "linear")
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    store(tmp_path / "b", stored, model, sequence_network())
    bundle = write_bundle(tmp_path / "b", sequence_fields())
    with pytest.raises(InferenceError, match="NaN"):
        analysed(Predictor(bundle, "cpu", batch=2), golden_hu(2), [5.0])


@pytest.mark.parametrize("stored", IN_TWO)
def test_a_bundle_without_its_second_network_is_refused(tmp_path: Path, stored: str) -> None:
    store(tmp_path / "b", stored, encoder())
    with pytest.raises(BundleError, match=rf"sequence\.{stored}: is missing"):
        write_bundle(tmp_path / "b", sequence_fields())


@pytest.mark.parametrize("stored", IN_TWO)
def test_a_second_network_that_nobody_asked_for_is_refused(tmp_path: Path, stored: str) -> None:
    from support.bundles import manifest_fields

    store(tmp_path / "b", stored, encoder(), sequence_network())
    with pytest.raises(BundleError, match=rf"sequence\.{stored}: stands beside model\.{stored}, and with"):
        write_bundle(tmp_path / "b", manifest_fields())


def test_a_saved_model_has_no_second_network(tmp_path: Path) -> None:
    (tmp_path / "b" / "saved_model").mkdir(parents=True)
    (tmp_path / "b" / "saved_model" / "saved_model.pb").write_bytes(b"")
    with pytest.raises(BundleError, match=r"saved_model: must be model\.keras or model\.onnx"):
        write_bundle(tmp_path / "b", sequence_fields())


@pytest.mark.parametrize("stored", IN_TWO)
def test_a_slice_is_explained_by_its_score_within_the_series(tmp_path: Path, stored: str) -> None:
    import keras

    image = keras.Input((SIDE, SIDE, 1))
    mean = keras.initializers.Constant(1 / 9)
    inner = keras.layers.Conv2D(1, 3, padding="same", use_bias=False, kernel_initializer=mean, activation="relu")(image)
    brightest = keras.layers.GlobalMaxPooling2D()(inner)
    vectors = keras.Input((None, 2))
    rise = keras.layers.Dense(1, activation="sigmoid", name="slices")
    pooled = keras.layers.GlobalMaxPooling1D()(vectors)
    series = keras.layers.Dense(1, activation="sigmoid", name="series")(pooled)
    sequence = keras.Model(vectors, [rise(vectors), series])
    rise.set_weights([np.array([[9.0], [0.0]]), np.array([-4.0])])
    store(tmp_path / "b", stored, keras.Model(image, brightest), sequence)
    predictor = Predictor(write_bundle(tmp_path / "b", sequence_fields(step_mm=(4.0, 6.0))), "cpu", batch=8)
    hu = np.zeros((6, 64, 64), np.int16)
    hu[3, 17:23, 41:47] = 60
    answer = analysed(predictor, hu, [2.5] * 5)
    explainer = explainer_for(predictor)
    heatmap = explainer.explain(hu[3], SPACING, (0.0, 0.0), Beside(among=answer.in_sequence(3)))
    assert explainer.method == ("HiResCAM" if stored == "keras" else "occlusion")
    assert int(np.argmax(answer.slices[:, 0])) == 3
    assert np.hypot(*(np.array(hottest(heatmap)) - (20, 44))) <= (4 if stored == "keras" else 64 / 8 * 1.5)
