import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bundles import golden_hu, keras_archive, layer, manifest_fields

from hounsfield.model.bundle import ModelKind, open_bundle, write_bundle
from hounsfield.model.errors import BundleError, ManifestError
from hounsfield.model.golden import golden_bytes, read_golden
from hounsfield.model.lint import Problem, Severity, lint


def good_files() -> dict[str, bytes | Path]:
    scores = np.full((5, 1), 0.5, np.float32)
    return {
        "model.keras": keras_archive(layer("Conv2D"), layer("Multiply", "keras.src.ops.numpy")),
        "MODEL_CARD.md": b"# Card\n",
        "LICENSE": b"Apache-2.0\n",
        "golden/slices.npz": golden_bytes(golden_hu(), np.array([0.5, 0.5]), scores),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "tiny", manifest_fields(), good_files())
    return tmp_path / "tiny"


def test_a_written_bundle_opens(folder: Path) -> None:
    bundle = open_bundle(folder)
    assert bundle.label == "tiny 0.1.0"
    assert bundle.kind is ModelKind.KERAS
    assert bundle.model_path.is_file()
    assert set(bundle.manifest.files) == {"LICENSE", "MODEL_CARD.md", "golden/slices.npz", "model.keras"}


def test_the_same_content_gives_the_same_bundle(tmp_path: Path) -> None:
    first, second = (write_bundle(tmp_path / name, manifest_fields(), good_files()) for name in ("a", "b"))
    assert first.sha256 == second.sha256
    assert (first.folder / "manifest.toml").read_bytes() == (second.folder / "manifest.toml").read_bytes()


@pytest.mark.parametrize("name", ["model.keras", "MODEL_CARD.md", "golden/slices.npz"])
def test_one_changed_byte_is_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name}: was changed"):
        open_bundle(folder)


def test_a_changed_manifest_is_another_bundle(folder: Path) -> None:
    before = open_bundle(folder).sha256
    manifest = folder / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("threshold = 0.5", "threshold = 0.4", 1))
    assert open_bundle(folder).sha256 != before


def test_a_file_that_is_not_named_is_refused(folder: Path) -> None:
    (folder / "extra.txt").write_text("x")
    with pytest.raises(BundleError, match=r"extra\.txt: is not named in \[files\]"):
        open_bundle(folder)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "LICENSE").unlink()
    with pytest.raises(BundleError, match=r"LICENSE: is named in \[files\] but missing"):
        open_bundle(folder)


@pytest.mark.parametrize("target", ["/etc/passwd", "MODEL_CARD.md", "."])
def test_a_link_is_refused_and_not_followed(folder: Path, target: str) -> None:
    (folder / "LICENSE").unlink()
    (folder / "LICENSE").symlink_to(target)
    with pytest.raises(BundleError, match="plain files and folders only"):
        open_bundle(folder)


def test_a_named_pipe_is_refused_and_not_read(folder: Path) -> None:
    os.mkfifo(folder / "notes.txt")
    with pytest.raises(BundleError, match="plain files and folders only"):
        open_bundle(folder)


@pytest.mark.parametrize("name", ["weights.h5", "model.hdf5", "model.pkl", "x.pickle", "code.py", "golden/a.npy"])
def test_a_file_that_is_not_plain_data_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match=f"{name}: has no place in a bundle; allowed: "):
        write_bundle(tmp_path / "tiny", manifest_fields(), {**good_files(), name: b"x"})


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (layer("Lambda"), "holds Lambda, which is refused"),
        (layer("Lambda", None), "holds Lambda, which is refused"),
        (layer("Custom", "mine", registered_name="mine>Lambda"), "not Keras' own"),
        (layer("mine>Lambda", "keras.layers"), "which is refused"),
        (layer("TFSMLayer"), "loads another model"),
        (layer("TorchModuleWrapper"), "unpickles"),
        (layer("TextVectorization"), "read files"),
        (layer("Custom", "my.package"), "holds Custom of module my.package, which is not Keras' own"),
        (layer("Dense", None), "holds Dense of module None"),
        (layer("Dense", registered_name="my_package>Dense"), "not Keras' own"),
        (layer("system", "os"), "of module os"),
        (layer("function", "keras.utils", config="get_file"), "names a function to call"),
        (layer("get_file", "keras.utils"), "of module keras.utils"),
        (layer("Dense", config={"activation": {"class_name": "__lambda__", "config": {}}}), "holds __lambda__"),
        (layer("TimeDistributed", config={"layer": layer("Lambda")}), "holds Lambda"),
    ],
)
def test_a_model_that_could_run_code_is_refused(tmp_path: Path, bad: dict[str, Any], words: str) -> None:
    files = {**good_files(), "model.keras": keras_archive(layer("Dense"), bad)}
    with pytest.raises(BundleError, match=words):
        write_bundle(tmp_path / "tiny", manifest_fields(), files)


@pytest.mark.parametrize(
    "content",
    [
        b"\x89HDF\r\n\x1a\n old format renamed",
        b"",
        keras_archive(assets__pkl=b"x"),
        keras_archive(config__json=b"{"),
        keras_archive(config__json=b"[" * 100_000),
    ],
)
def test_what_is_not_a_keras_3_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BundleError, match=r"model\.keras: (is not a \.keras archive|must hold)"):
        write_bundle(tmp_path / "tiny", manifest_fields(), {**good_files(), "model.keras": content})


def test_golden_slices_that_hold_python_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, hu=np.array([{}], dtype=object))
    with pytest.raises(BundleError, match="holds Python objects"):
        write_bundle(tmp_path / "tiny", manifest_fields(), {**good_files(), "golden/slices.npz": path})


@pytest.mark.parametrize("operation", ["PyFunc", "ReadFile", "WriteFile", "EagerPyFunc"])
def test_a_saved_model_that_could_run_code_is_refused(tmp_path: Path, operation: str) -> None:
    files = {name: content for name, content in good_files().items() if name != "model.keras"}
    node = b"\x0a\x04node\x12" + bytes([len(operation)]) + operation.encode() + b"\x1a\x00"
    with pytest.raises(BundleError, match=f"holds the operation {operation}"):
        write_bundle(tmp_path / "tiny", manifest_fields(), {**files, "saved_model/saved_model.pb": node})


def test_two_models_in_one_bundle_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="must hold one model"):
        write_bundle(tmp_path / "tiny", manifest_fields(), {**good_files(), "saved_model/saved_model.pb": b""})


def test_wrong_fields_write_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="nonsense: unknown key"):
        write_bundle(tmp_path / "tiny", {**manifest_fields(), "nonsense": 1}, good_files())
    assert not (tmp_path / "tiny" / "manifest.toml").exists()


def found(folder: Path) -> set[tuple[Severity, str, str]]:
    return {(one.severity, one.file, one.key) for one in lint(folder)}


def test_a_clean_bundle_has_nothing_to_lint(folder: Path) -> None:
    assert lint(folder) == []


def test_lint_collects_all_problems_with_errors_first(tmp_path: Path) -> None:
    fields = manifest_fields()
    fields.update(banner="", input={"shape": [48, 48, 1]})
    fields["provenance"]["metrics"] = {}
    fields["golden"] = {"tolerance": 0.05}
    fields["output"]["labels"][0]["threshold"] = 0.0
    folder = write_bundle(tmp_path / "tiny", fields, {"model.keras": keras_archive(layer("Dense"))}).folder
    problems = lint(folder)
    assert {(one.file, one.key) for one in problems if one.severity is Severity.ERROR} == {
        ("manifest.toml", "input.shape"),
        ("manifest.toml", "golden.file"),
    }
    assert {one.file or one.key for one in problems if one.severity is Severity.WARNING} == {
        "manifest.toml",
        "MODEL_CARD.md",
        "LICENSE",
    }
    assert {one.key for one in problems if one.severity is Severity.WARNING and one.key} == {
        "banner",
        "provenance.metrics",
        "golden.tolerance",
        "output.labels[0].threshold",
    }
    assert [one.severity for one in problems] == sorted((one.severity for one in problems), key="error warning".find)


def test_lint_names_a_wrong_key_and_a_wrong_file_at_once(folder: Path) -> None:
    manifest = folder / "manifest.toml"
    manifest.write_text("colour = 1\n" + manifest.read_text().replace('version = "0.1.0"', 'version = "x"'))
    (folder / "code.py").write_text("")
    assert found(folder) == {
        (Severity.ERROR, "manifest.toml", "colour"),
        (Severity.ERROR, "manifest.toml", "version"),
        (Severity.ERROR, "code.py", ""),
    }


def test_lint_names_each_file_that_differs(folder: Path) -> None:
    (folder / "LICENSE").write_text("other")
    (folder / "MODEL_CARD.md").unlink()
    (folder / "new.md").write_text("")
    assert found(folder) == {(Severity.ERROR, name, "") for name in ("LICENSE", "MODEL_CARD.md", "new.md")}


def test_lint_says_that_a_folder_is_no_bundle(tmp_path: Path) -> None:
    assert lint(tmp_path / "nothing") == [
        Problem(
            Severity.ERROR,
            "manifest.toml",
            "",
            "cannot be read (No such file or directory); a bundle is a folder with manifest.toml in it",
        ),
        Problem(Severity.ERROR, "", "", "must hold one model: model.keras, model.onnx or saved_model/saved_model.pb"),
    ]


@pytest.mark.parametrize(
    ("hu", "expected"),
    [
        (golden_hu().astype(np.float32), np.full((5, 1), 0.5)),
        (golden_hu(), np.full((4, 1), 0.5)),
        (golden_hu(), np.full((5, 2), 0.5)),
        (golden_hu(), np.full((5, 1), 1.5)),
        (golden_hu(), np.full((5, 1), np.nan)),
    ],
)
def test_lint_looks_into_the_golden_slices(tmp_path: Path, hu: np.ndarray, expected: np.ndarray) -> None:
    path = tmp_path / "slices.npz"
    np.savez(path, hu=hu, spacing=np.array([1.0, 1.0]), expected=expected)
    folder = write_bundle(tmp_path / "tiny", manifest_fields(), {**good_files(), "golden/slices.npz": path}).folder
    assert found(folder) == {(Severity.ERROR, "golden/slices.npz", "")}


@pytest.mark.parametrize(
    ("spacing", "expected"),
    [
        (np.array(["1", "1"]), np.full((5, 1), 0.5)),
        (np.array(["wide", "high"]), np.full((5, 1), 0.5)),
        (np.array([1.0, 1.0j]), np.full((5, 1), 0.5)),
        (np.array([0.0, 1.0]), np.full((5, 1), 0.5)),
        (np.array([1.0, np.nan]), np.full((5, 1), 0.5)),
        (np.array([-1.0, 1.0]), np.full((5, 1), 0.5)),
        (np.array([1.0, 1.0]), np.full((5, 1), "0.5")),
        (np.array([1.0, 1.0]), np.full((5, 1), np.datetime64("2026-01-01"))),
    ],
)
def test_golden_slices_of_what_are_no_numbers_are_refused_in_words(
    tmp_path: Path, spacing: np.ndarray, expected: np.ndarray
) -> None:
    path = tmp_path / "slices.npz"
    np.savez(path, hu=golden_hu(), spacing=spacing, expected=expected)
    bundle = write_bundle(tmp_path / "tiny", manifest_fields(), {**good_files(), "golden/slices.npz": path})
    with pytest.raises(BundleError, match="numbers"):
        read_golden(bundle)
    assert found(bundle.folder) == {(Severity.ERROR, "golden/slices.npz", "")}


def test_a_file_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("hounsfield.model.bundle_guard.sha256_of", refused)
    with pytest.raises(BundleError, match=r"model.keras: cannot be read \(Permission denied\)"):
        open_bundle(folder)
    assert (Severity.ERROR, "LICENSE", "") in found(folder)
