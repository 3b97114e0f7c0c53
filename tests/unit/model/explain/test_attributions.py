"""What needs TensorFlow: which way is taken for which model, and whether it finds what the model looks at."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bundles import SIDE, golden_hu, manifest_fields
from support.networks import store
from support.predictors import slice_scores

from hounsfield.model.bundle import bundled, open_bundle, write_bundle
from hounsfield.model.errors import ExplanationError
from hounsfield.model.explain import Beside, explainer_for, hottest
from hounsfield.model.explain.gradient import InputGradient
from hounsfield.model.explain.hires_cam import HiResCam, attributed_maps, last_maps
from hounsfield.model.explain.occlusion import Occlusion
from hounsfield.model.explain.target import arguments
from hounsfield.model.networks import NetworkSpec, build_network, export_scores
from hounsfield.model.phantom import PhantomSpec, render
from hounsfield.model.predictor import Predictor
from hounsfield.model.runtime import tensorflow

pytestmark = pytest.mark.heavy

SPACING = (1.0, 1.0)


def layers() -> Any:
    tensorflow()
    import keras

    return keras.layers


def predictor(folder: Path, model: Any, *, labels: int = 1, shape: tuple[int, ...] = (SIDE, SIDE, 1)) -> Predictor:
    fields = manifest_fields()
    (label,) = fields["output"]["labels"]
    fields["output"]["labels"] = [{**label, "name": f"label-{k}", "index": k} for k in reversed(range(labels))]
    fields["input"] = {"shape": list(shape)}
    model.save(folder / "model.keras")
    return Predictor(write_bundle(folder / "b", fields, {"model.keras": folder / "model.keras"}), "cpu", batch=8)


def saved(folder: Path, call: Callable[[Any], Any]) -> Predictor:
    """Return the predictor of a SavedModel that is one function."""
    tf = tensorflow()
    module = tf.Module()
    module.run = tf.function(call, input_signature=[tf.TensorSpec((None, SIDE, SIDE, 1), tf.float32, name="image")])
    target = folder / "b" / "saved_model"
    tf.saved_model.save(module, str(target), signatures={"serving_default": module.run})
    (target / "fingerprint.pb").unlink(missing_ok=True)
    return Predictor(write_bundle(folder / "b", manifest_fields()), "cpu", batch=8)


def spot(activation: str = "sigmoid", outputs: int = 1, gain: float = 9.0) -> Any:
    """Build a model that answers with how bright the brightest 3 x 3 pixels are; other outputs see the opposite."""
    import keras

    image = keras.Input((SIDE, SIDE, 1))
    mean = keras.initializers.Constant(1 / 9)
    inner = layers().Conv2D(1, 3, padding="same", use_bias=False, kernel_initializer=mean, activation="relu")(image)
    inner = layers().GlobalMaxPooling2D()(inner)
    model = keras.Model(image, layers().Dense(outputs, activation=activation)(inner))
    signs = np.array([[gain * (-1) ** k for k in reversed(range(outputs))]], np.float32)
    model.layers[-1].set_weights([signs, np.full(outputs, -gain / 2, np.float32)])
    return model


def one_spot(row: int, column: int) -> np.ndarray:
    """A dark slice of 64 x 64 pixels (two to a pixel of the tensor) with a bright place."""
    hu = np.zeros((64, 64), np.int16)
    hu[row - 3 : row + 3, column - 3 : column + 3] = 60
    return hu


@pytest.mark.parametrize("place", [(20, 44), (40, 12)])
@pytest.mark.parametrize(
    ("activation", "outputs"), [("sigmoid", 1), ("sigmoid", 2), ("softmax", 2), ("linear then sigmoid", 1)]
)
def test_a_keras_models_maps_show_what_raised_its_first_label(
    tmp_path: Path, activation: str, outputs: int, place: tuple[int, int]
) -> None:
    if activation == "linear then sigmoid":
        import keras

        plain = spot("linear", outputs)
        model = keras.Model(plain.input, layers().Activation("sigmoid")(plain.output))
    else:
        model = spot(activation, outputs)
    explainer = explainer_for(predictor(tmp_path, model, labels=outputs))
    assert explainer.method == "HiResCAM"
    heatmap = explainer.explain(one_spot(*place), SPACING)
    assert heatmap.shape == (64, 64)
    assert np.hypot(*(np.array(hottest(heatmap)) - place)) <= 4


def test_a_score_as_good_as_one_is_still_explained(tmp_path: Path) -> None:
    served = predictor(tmp_path, spot(gain=1000.0))
    assert slice_scores(served, [one_spot(20, 44)], [SPACING])[0, 0] == 1.0
    assert np.hypot(*(np.array(hottest(explainer_for(served).explain(one_spot(20, 44), SPACING))) - (20, 44))) <= 4


def test_the_maps_add_up_to_the_log_odds_where_the_rest_is_piecewise_linear(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(3)
    image = keras.Input((SIDE, SIDE, 1))
    coarse = layers().Conv2D(6, 3, strides=4, activation="relu")(image)
    fine = layers().Conv2D(5, 3, strides=2, activation="relu")(image)
    pooled = layers().concatenate([layers().GlobalAveragePooling2D()(coarse), layers().GlobalMaxPooling2D()(fine)])
    pooled = layers().Dense(7, activation="relu", use_bias=False)(pooled)
    model = keras.Model(image, layers().Dense(1, activation="sigmoid", use_bias=False)(pooled))
    cam = HiResCam.of(predictor(tmp_path, model))
    tensor = np.random.default_rng(0).random((SIDE, SIDE, 1)).astype(np.float32)
    score = float(np.asarray(model(tensor[None]))[0, 0])
    total = sum(float(np.asarray(one).sum()) for one in cam.maps(tensor[None], *arguments(None)))
    assert total == pytest.approx(np.log(score / (1 - score)), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "maps"), [("compact", [(12, 12), (24, 24), (24, 24), (24, 24)]), ("classic", [(12, 12)])]
)
def test_every_map_that_the_score_is_made_from_counts(name: str, maps: list[tuple[int, int]]) -> None:
    tensorflow()
    model = export_scores(build_network(NetworkSpec(name=name, shape=(96, 96, 2))))  # type: ignore[arg-type]
    assert sorted(tuple(one.shape[1:3]) for one in last_maps(model)) == maps


def test_evidence_that_a_network_carries_to_the_next_cell_is_shown_where_it_lies(tmp_path: Path) -> None:
    import keras

    image = keras.Input((SIDE, SIDE, 1))
    mean = keras.initializers.Constant(1 / 16)
    cells = layers().Conv2D(1, 4, strides=4, use_bias=False, kernel_initializer=mean, activation="relu")(image)
    carried = layers().Conv2D(1, 3, padding="same", use_bias=False)(cells)
    rise = layers().Dense(1, activation="sigmoid", kernel_initializer=keras.initializers.Constant(9.0))
    model = keras.Model(image, rise(layers().GlobalMaxPooling2D()(carried)))
    to_the_right = np.zeros((3, 3, 1, 1), np.float32)
    to_the_right[1, 0] = 1.0  # each cell answers for the one to its left
    model.layers[2].set_weights([to_the_right])
    served = predictor(tmp_path, model)
    heatmap = explainer_for(served).explain(one_spot(20, 36), SPACING)
    assert np.hypot(*(np.array(hottest(heatmap)) - (20, 36))) <= 4  # cells are 8 pixels of the slice wide


def test_maps_are_taken_where_their_grid_begins_unless_the_score_looks_past_them() -> None:
    import keras

    compact = export_scores(build_network(NetworkSpec(name="compact", shape=(96, 96, 2))))
    (taken,) = attributed_maps(compact)
    assert tuple(taken.shape[1:]) == (24, 24, 32)
    image = keras.Input((SIDE, SIDE, 1))
    coarse, fine = layers().Conv2D(6, 3, strides=4)(image), layers().Conv2D(5, 3, strides=2)(image)
    pooled = layers().concatenate([layers().GlobalAveragePooling2D()(one) for one in (coarse, fine)])
    model = keras.Model(image, layers().Dense(1)(pooled))
    assert [id(one) for one in attributed_maps(model)] == [id(one) for one in last_maps(model)]


def test_maps_that_only_steer_other_maps_do_not_count() -> None:
    import keras

    image = keras.Input((SIDE, SIDE, 1))
    inner = layers().Conv2D(4, 3, padding="same", activation="relu")(image)
    squeezed = layers().Dense(4, activation="sigmoid")(layers().GlobalAveragePooling2D(keepdims=True)(inner))
    excited = layers().Conv2D(3, 3, strides=2)(layers().multiply([inner, squeezed]))
    model = keras.Model(image, layers().Dense(1, activation="sigmoid")(layers().Flatten()(excited)))
    assert [tuple(one.shape[1:]) for one in last_maps(model)] == [(15, 15, 3)]


def test_a_keras_model_without_convolutions_is_explained_by_its_image(tmp_path: Path) -> None:
    import keras

    image = keras.Input((SIDE, SIDE, 1))
    flat = layers().Dense(1, activation="sigmoid", use_bias=False, kernel_initializer="ones")(
        layers().Rescaling(0.01)(layers().Reshape((SIDE * SIDE,))(image))
    )
    served = predictor(tmp_path, keras.Model(image, flat))
    explainer = explainer_for(served)
    assert explainer.method == "HiResCAM"  # of the image itself, which is the last map
    assert np.hypot(*(np.array(hottest(explainer.explain(one_spot(20, 44), SPACING))) - (20, 44))) <= 4


def test_a_saved_model_is_explained_by_its_gradient(tmp_path: Path) -> None:
    tf = tensorflow()
    served = saved(tmp_path, lambda image: tf.sigmoid(8.0 * tf.reduce_max(image, axis=(1, 2)) - 4.0))
    explainer = explainer_for(served)
    assert explainer.method == "gradient times input"
    assert np.hypot(*(np.array(hottest(explainer.explain(one_spot(20, 44), SPACING))) - (20, 44))) <= 4


def test_a_saved_model_that_passes_no_gradient_on_is_explained_by_covering_parts(tmp_path: Path) -> None:
    tf = tensorflow()

    def steps(image: Any) -> Any:
        return tf.sigmoid(tf.round(8.0 * tf.reduce_max(image, axis=(1, 2)) - 4.0))

    served = saved(tmp_path, lambda image: tf.stop_gradient(steps(image)))
    explainer = explainer_for(served)
    assert explainer.method == "occlusion"
    heatmap = explainer.explain(one_spot(20, 44), SPACING)
    assert np.hypot(*(np.array(hottest(heatmap)) - (20, 44))) <= 64 / 8 * 1.5


def test_ways_that_a_model_does_not_allow_say_so(tmp_path: Path) -> None:
    tf = tensorflow()
    served = saved(tmp_path, lambda image: tf.stop_gradient(tf.sigmoid(tf.reduce_max(image, axis=(1, 2)))))
    with pytest.raises(ExplanationError, match="needs a Keras model"):
        HiResCam.of(served)
    with pytest.raises(ExplanationError, match="gradient"):
        InputGradient.of(served).heat(np.zeros((SIDE, SIDE, 1), np.float32))


def test_a_model_that_gives_no_scores_for_covered_slices_is_not_explained() -> None:
    def refuses(*_: object) -> np.ndarray:
        from hounsfield.model.errors import InferenceError

        raise InferenceError("no")

    with pytest.raises(ExplanationError, match="partly covered"):
        Occlusion(refuses, 8).heat(np.zeros((SIDE, SIDE, 1), np.float32))


@pytest.mark.parametrize(("seconds", "served"), [(1.9, True), (2.1, False)])
def test_a_model_that_takes_too_long_to_explain_is_not_explained(tmp_path: Path, seconds: float, served: bool) -> None:
    ticks = itertools.count(0.0, seconds)
    loaded = predictor(tmp_path, spot())
    if served:
        assert explainer_for(loaded, lambda: next(ticks)).method == "HiResCAM"
    else:
        with pytest.raises(ExplanationError, match="occlusion takes more than 2 s a slice"):
            explainer_for(loaded, lambda: next(ticks))


@pytest.mark.parametrize("stored", ["keras", "saved_model"])
def test_slices_with_neighbours_in_their_channels_are_explained_in_their_own_pixels(
    tmp_path: Path, stored: str
) -> None:
    import keras

    image = keras.Input((SIDE, SIDE, 3))
    mean = keras.initializers.Constant(1 / 27)
    inner = layers().Conv2D(1, 3, padding="same", use_bias=False, kernel_initializer=mean, activation="relu")(image)
    rise = layers().Dense(1, activation="sigmoid", kernel_initializer=keras.initializers.Constant(9.0))
    model = keras.Model(image, rise(layers().GlobalMaxPooling2D()(inner)))
    store(tmp_path / "b", stored, model)
    fields = manifest_fields()
    fields["input"] = {"shape": [SIDE, SIDE, 3], "neighbours": 1}
    served = Predictor(write_bundle(tmp_path / "b", fields), "cpu", batch=8)
    explainer = explainer_for(served)
    dark = np.zeros((64, 64), np.int16)
    heatmap = explainer.explain(one_spot(20, 44), SPACING, beside=Beside(below=(dark,), above=(one_spot(20, 44),)))
    assert explainer.method == ("HiResCAM" if stored == "keras" else "gradient times input")
    assert np.hypot(*(np.array(hottest(heatmap)) - (20, 44))) <= 4
    with pytest.raises(ExplanationError):
        explainer.explain(one_spot(20, 44), SPACING)


def test_scores_are_the_same_whether_a_model_is_explained_or_not(tmp_path: Path) -> None:
    served = predictor(tmp_path, spot())
    before = slice_scores(served, golden_hu(), [SPACING] * 5)
    explainer_for(served).explain(golden_hu()[0], SPACING)
    assert np.array_equal(slice_scores(served, golden_hu(), [SPACING] * 5), before)


def test_the_demonstration_model_is_hot_where_the_drawn_blood_is() -> None:
    served = Predictor(open_bundle(bundled()), "cpu", batch=8)
    explainer = explainer_for(served)
    hits = []
    for seed, kind in ((3, "intraparenchymal"), (5, "epidural")):
        drawn = render(PhantomSpec(seed=seed, lesion=kind, slices=12, matrix=192))
        spacing = (float(drawn.spacing_mm[1]), float(drawn.spacing_mm[2]))
        steps = [float(drawn.spacing_mm[0])] * (len(drawn.hu) - 1)
        answer = served.analyse(drawn.hu, [spacing] * len(drawn.hu), steps)
        for place in np.argsort(-(drawn.label > 0).sum((1, 2)))[:4]:
            beside = Beside(among=answer.in_sequence(int(place)))
            heatmap = explainer.explain(drawn.hu[place], spacing, beside=beside)
            blood = drawn.label[place] > 0
            share = float(heatmap[near(blood, 6)].sum() / heatmap.sum())
            hits.append((share, near(blood, 6)[hottest(heatmap)]))
    assert explainer.method == "HiResCAM"
    assert np.mean([hit for _, hit in hits]) >= 0.7, hits
    assert np.mean([share for share, _ in hits]) >= 0.4, hits


def near(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Return the mask, grown."""
    rows, columns = np.nonzero(mask)
    grown = mask.copy()
    for row, column in zip(rows, columns, strict=True):
        grown[max(row - pixels, 0) : row + pixels + 1, max(column - pixels, 0) : column + pixels + 1] = True
    return grown
