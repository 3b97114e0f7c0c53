"""A bundle whose author wrote the manifest by hand and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from hounsfield.model.bundle import manifest_example, open_bundle
from hounsfield.model.errors import BundleError, ManifestError
from hounsfield.model.lint import lint
from hounsfield.model.manifest import Manifest
from hounsfield.model.runtime import tensorflow
from hounsfield.model.seal import seal
from hounsfield.model.selftest import selftest


def backbone(seed: int) -> Any:
    """Return the smallest usual backbone with one output, as its author would save it."""
    tensorflow()
    import keras

    keras.utils.set_random_seed(seed)
    model = keras.applications.MobileNetV3Small(
        input_shape=(64, 64, 3), weights=None, classes=1, classifier_activation="sigmoid", include_preprocessing=False
    )
    last = model.get_layer("logits")
    last.set_weights([weight + 0.1 * seed for weight in last.get_weights()])
    return model


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "my-ich"
    folder.mkdir()
    backbone(1).save(folder / "model.keras")
    (folder / "MODEL_CARD.md").write_text("# my-ich\n\nUntrained.\n")
    (folder / "LICENSE").write_text("All rights reserved.\n")
    (folder / "manifest.toml").write_text(manifest_example().replace("224", "64"))
    seal(folder)
    return folder


@pytest.mark.heavy
def test_a_backbone_of_keras_applications_is_served_by_writing_a_manifest_only(sealed: Path) -> None:
    assert {problem.key for problem in lint(sealed)} == {"provenance.metrics"}  # it has no numbers
    assert selftest(open_bundle(sealed)).passed


@pytest.mark.heavy
def test_the_authors_own_words_stay_as_they_are(sealed: Path) -> None:
    text = (sealed / "manifest.toml").read_text()
    assert text.startswith(manifest_example().replace("224", "64").rstrip("\n"))
    assert text.count("\n[files]\n") == 1


@pytest.mark.heavy
def test_sealing_again_changes_nothing(sealed: Path) -> None:
    before = {path: path.read_bytes() for path in sealed.rglob("*") if path.is_file()}
    seal(sealed)
    assert {path: path.read_bytes() for path in sealed.rglob("*") if path.is_file()} == before


@pytest.mark.heavy
def test_a_model_that_was_changed_fails_its_golden_slices_until_they_are_made_anew(sealed: Path) -> None:
    backbone(2).save(sealed / "model.keras")
    assert not selftest(seal(sealed)).passed
    assert selftest(seal(sealed, new_golden=True)).passed


def test_the_example_is_a_manifest_that_says_what_every_line_is_for() -> None:
    hashes = f'\n[files]\n"model.keras" = "{"0" * 64}"\n'
    manifest = Manifest.parse((manifest_example() + hashes).encode(), "example")
    assert (manifest.name, manifest.clinical, len(manifest.preprocessing.steps)) == ("my-ich", False, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schema = ", "not TOML"),
        ('files = { a = "b" }\n', "remove it"),
        (manifest_example().replace('name = "my-ich"', 'name = "My ICH"'), "name"),
    ],
)
def test_a_wrong_manifest_is_named_before_anything_is_written(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "manifest.toml").write_text(text)
    (tmp_path / "model.keras").write_bytes(b"never looked into")
    with pytest.raises(ManifestError, match=words):
        seal(tmp_path)
    assert (tmp_path / "manifest.toml").read_text() == text


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text(manifest_example())
    with pytest.raises(BundleError, match="holds no model"):
        seal(tmp_path)
