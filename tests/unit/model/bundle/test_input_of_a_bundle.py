"""What a bundle may say about its input, and what lint says when it does not fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bundles import SIDE, golden_hu, keras_archive, layer, manifest_fields, sequence_fields
from support.predictors import slice_scores

from hounsfield.model.bundle import write_bundle
from hounsfield.model.errors import BundleError
from hounsfield.model.lint import Severity, lint
from hounsfield.model.predictor import Predictor

FILES: dict[str, bytes | Path] = {"model.keras": keras_archive(layer("Dense"))}


def errors(folder: Path) -> list[tuple[str, str, str]]:
    return [(one.file, one.key, one.message) for one in lint(folder) if one.severity is Severity.ERROR]


def test_neighbours_multiply_the_channels(tmp_path: Path) -> None:
    fields = manifest_fields()
    fields["input"] = {"shape": [SIDE, SIDE, 1], "neighbours": 2}
    (shape, *_) = errors(write_bundle(tmp_path / "b", fields, FILES).folder)
    assert shape[:2] == ("manifest.toml", "input.shape")
    assert shape[2].endswith("preprocessing makes [32, 32, 5] of 1 x 5 channels, with 4 slices beside")
    fields["input"]["shape"] = [SIDE, SIDE, 5]
    assert [one[1] for one in errors(write_bundle(tmp_path / "b", fields, FILES).folder)] == ["golden.file"]


def test_lint_names_a_second_network_that_is_missing(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "b", sequence_fields(), {**FILES, "sequence.keras": keras_archive()}).folder
    text = (folder / "manifest.toml").read_text()
    start = text.index('"sequence.keras"')
    (folder / "manifest.toml").write_text(text[:start] + text[text.index("\n", start) + 1 :])
    (folder / "sequence.keras").unlink()
    assert ("sequence.keras", "", 'is missing: with input.context = "series" it scores the slices') in errors(folder)


def test_a_second_network_is_looked_into_as_the_first(tmp_path: Path) -> None:
    files = {**FILES, "sequence.keras": keras_archive(layer("Lambda"))}
    with pytest.raises(BundleError, match=r"sequence\.keras: holds Lambda, which is refused"):
        write_bundle(tmp_path / "b", sequence_fields(), files)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("normalise", "expected"),
    [
        ({"mean": [0.0], "deviation": [1 / 255]}, lambda share: share * 255),
        ({"mean": [0.5], "deviation": [0.5]}, lambda share: share * 2 - 1),
    ],
)
def test_a_backbone_gets_the_range_of_values_that_it_expects(tmp_path: Path, normalise: Any, expected: Any) -> None:
    from hounsfield.model.runtime import tensorflow

    tensorflow()
    import keras

    image = keras.Input((SIDE, SIDE, 3))
    inner = keras.layers.Rescaling(1 / 255.0)(image)  # a step of its own inside, as many backbones have
    inner = keras.layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.04, 0.09, 0.16])(inner)
    inner = keras.layers.GlobalAveragePooling2D()(inner)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax", kernel_initializer="ones")(inner))
    model.save(tmp_path / "model.keras")
    fields = manifest_fields()
    windows = [{"centre": 40.0, "width": 80.0}] * 3
    steps = [{"name": "windows", "windows": windows}, {"name": "resize", "pixels": SIDE}]
    fields["preprocessing"]["steps"] = [*steps, {"name": "normalise", **normalise}]
    fields["input"] = {"shape": [SIDE, SIDE, 3]}
    fields["output"]["labels"][0]["index"] = 1
    bundle = write_bundle(tmp_path / "b", fields, {"model.keras": tmp_path / "model.keras"})
    hu = golden_hu(2)
    share = np.clip(hu / np.float32(80), 0, 1).reshape(2, SIDE, 2, SIDE, 2).mean(axis=(2, 4))
    tensors = np.repeat(expected(share)[..., None], 3, axis=-1)
    found = slice_scores(Predictor(bundle, "cpu", 2), hu, [(1.0, 1.0)] * 2)
    assert found[:, 0] == pytest.approx(np.asarray(model(tensors))[:, 1], abs=1e-5)
