import numpy as np
import pytest
from pydantic import ValidationError

from hounsfield.model.networks import NetworkSpec, build_network, export_scores

pytestmark = pytest.mark.heavy


def test_compact_is_compact_and_has_a_map_for_training_only() -> None:
    model = build_network(NetworkSpec(shape=(96, 96, 2)))
    assert 110_000 < model.count_params() < 135_000
    score, lesion = model(np.zeros((2, 96, 96, 2), np.float32))
    assert tuple(score.shape) == (2, 1)
    assert tuple(lesion.shape) == (2, 24, 24, 1)
    exported = export_scores(model)
    assert tuple(exported.output.shape) == (None, 1)
    image = np.random.default_rng(1).standard_normal((2, 96, 96, 2)).astype(np.float32)
    assert np.array_equal(exported(image), model(image)[0])


def test_without_the_map_the_score_is_the_only_output() -> None:
    model = build_network(NetworkSpec(shape=(32, 32, 3), mask_head=False, labels=5))
    assert tuple(model.output.shape) == (None, 5)


def test_classic_is_the_textbook_network() -> None:
    model = build_network(NetworkSpec(name="classic", shape=(64, 64, 3)))
    filters = [layer.filters for layer in model.layers if type(layer).__name__ == "Conv2D"]
    assert filters == [32, 64, 128]
    scores = np.asarray(model(np.zeros((3, 64, 64, 3), np.float32)))
    assert scores.shape == (3, 1)
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("name", ["compact", "classic"])
def test_no_layer_carries_code(name: str) -> None:
    model = build_network(NetworkSpec.model_validate({"name": name, "shape": (32, 32, 2)}))
    assert not [layer.name for layer in model.layers if type(layer).__name__ in ("Lambda", "TFSMLayer")]


@pytest.mark.parametrize("name", ["compact", "classic", "MobileNetV2"])
def test_scores_are_computed_in_full_precision_where_the_network_is_not(name: str) -> None:
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_network(NetworkSpec.model_validate({"name": name, "shape": (32, 32, 3)}))
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("features").compute_dtype == "bfloat16"
    assert model.get_layer("score").compute_dtype == "float32"


def test_batch_normalisation_settles_quickly() -> None:
    model = build_network(NetworkSpec(shape=(32, 32, 2)))
    momenta = {layer.momentum for layer in model.layers if type(layer).__name__ == "BatchNormalization"}
    assert momenta == {0.9}


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ValidationError):
        NetworkSpec.model_validate({"name": "transformer", "shape": (32, 32, 2)})


def test_compact_refuses_a_size_it_cannot_halve() -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        build_network(NetworkSpec(shape=(30, 32, 2)))
