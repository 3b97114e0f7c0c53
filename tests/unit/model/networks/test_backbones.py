from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from hounsfield.model.errors import BundleError
from hounsfield.model.networks import NetworkSpec, build_network, export_encoder, export_scores
from hounsfield.model.networks.spec import BACKBONES, NetworkChoice
from hounsfield.model.train.keras_file import keras_bytes

pytestmark = pytest.mark.heavy


def test_every_named_backbone_is_one_of_keras() -> None:
    import keras

    assert [name for name in BACKBONES if not callable(getattr(keras.applications, name, None))] == []


def test_a_backbone_takes_any_number_of_channels_and_describes_a_slice() -> None:
    spec = NetworkSpec(name="MobileNetV3Small", shape=(32, 48, 5), labels=2)
    model = build_network(spec)
    images = np.random.default_rng(1).random((2, 32, 48, 5)).astype(np.float32)
    scores = np.asarray(export_scores(model)(images))
    assert scores.shape == (2, 2)
    assert np.asarray(export_encoder(model)(images)).ndim == 2
    momenta = {layer.momentum for layer in model.layers if type(layer).__name__ == "BatchNormalization"}
    assert momenta == {spec.momentum}


def test_a_backbone_that_scales_grey_values_itself_gets_grey_values() -> None:
    model = build_network(NetworkSpec(name="EfficientNetB0", shape=(32, 32, 3)))
    own, theirs = (layer for layer in model.layers if type(layer).__name__ == "Rescaling")
    assert own.scale * theirs.scale == pytest.approx(1.0)


def test_softmax_has_a_column_for_none_of_the_labels() -> None:
    model = build_network(NetworkSpec(name="classic", shape=(16, 16, 1), labels=2, activation="softmax"))
    scores = np.asarray(model(np.random.default_rng(1).random((4, 16, 16, 1)).astype(np.float32)))
    assert scores.shape == (4, 3)
    assert scores.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_dropout_is_that_of_the_network_unless_it_is_chosen() -> None:
    chosen = [
        NetworkChoice(name="classic").spec((16, 16, 1), 1, maps=False).dropout,
        NetworkChoice(name="slice-sequence").spec((16, 16, 1), 1, maps=False).dropout,
        NetworkChoice(name="classic", dropout=0.0).spec((16, 16, 1), 1, maps=False).dropout,
    ]
    assert chosen == [0.5, 0.2, 0.0]


def test_a_map_is_learnt_only_where_the_data_set_has_maps() -> None:
    choice = NetworkChoice(name="compact")
    assert choice.spec((16, 16, 1), 1, maps=True).mask_head
    assert not choice.spec((16, 16, 1), 1, maps=False).mask_head


def test_compact_has_no_softmax() -> None:
    with pytest.raises(ValidationError, match="classic and the backbones have softmax"):
        NetworkChoice(name="slice-sequence", encoder="compact", activation="softmax")


def saved(folder: Path, spec: NetworkSpec) -> Path:
    file = folder / "before.keras"
    file.write_bytes(keras_bytes(build_network(spec)))
    return file


def test_a_network_starts_from_the_weights_of_a_file_also_with_other_channels_and_labels(tmp_path: Path) -> None:
    import keras

    file = saved(tmp_path, NetworkSpec(name="classic", shape=(16, 16, 3)))
    before = keras.saving.load_model(file, compile=False)
    model = build_network(NetworkSpec(name="classic", shape=(16, 16, 2), labels=4, weights=file))
    ours = [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]
    theirs = [layer for layer in before.layers if type(layer).__name__ == "Conv2D"]
    assert np.array_equal(ours[1].get_weights()[0], theirs[1].get_weights()[0])
    # A grey image has the same answer as before.
    grey = np.random.default_rng(2).random((1, 16, 16, 1)).astype(np.float32)
    old, new = (np.asarray(layer(np.repeat(grey, n, axis=-1))) for layer, n in ((theirs[0], 3), (ours[0], 2)))
    assert old == pytest.approx(new, abs=1e-5)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, NetworkSpec(name="compact", shape=(16, 16, 1), mask_head=False))
    with pytest.raises(BundleError, match="does not fit the layer"):
        build_network(NetworkSpec(name="classic", shape=(16, 16, 1), weights=file))


@pytest.mark.parametrize("content", [b"not an archive", None])
def test_a_file_that_is_no_plain_network_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "before.keras"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BundleError, match=r"before\.keras: (is not a \.keras archive|cannot be read)"):
        build_network(NetworkSpec(name="classic", shape=(16, 16, 1), weights=file))
