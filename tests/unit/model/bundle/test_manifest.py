import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.bundles import manifest_fields

from hounsfield.model.errors import ManifestError
from hounsfield.model.manifest import Manifest, Scope
from hounsfield.model.toml_text import toml_text

HASH = "0" * 64


def parse(fields: dict[str, Any]) -> Manifest:
    return Manifest.parse(toml_text({**fields, "files": fields.get("files", {"model.keras": HASH})}).encode(), "m.toml")


def refused(fields: dict[str, Any]) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        parse(fields)
    return caught.value


def test_a_valid_manifest_is_read_whole() -> None:
    manifest = parse(manifest_fields())
    assert (manifest.schema_version, manifest.name, manifest.version) == (1, "tiny", "0.1.0")
    assert manifest.created == date(2026, 11, 22)
    assert manifest.input.shape == (32, 32, 1)
    assert manifest.output.labels[0].concept.concept.value == "1386000"
    assert manifest.provenance.metrics == {"slice_auc": 0.5}


def test_what_scope_leaves_out_is_the_careful_choice() -> None:
    scope = Scope(body_part="head", description="head")
    assert scope.modality == ("CT",)
    assert (scope.contrast, scope.lossy, scope.allow_sparse) == (False, False, False)


def test_an_unknown_key_is_named_with_those_that_are_allowed() -> None:
    error = refused({**manifest_fields(), "clinicall": True})
    assert error.file == "m.toml"
    assert error.key == "clinicall"
    assert "clinical" in error.allowed
    assert "schema" in error.allowed
    assert "m.toml: clinicall: unknown key" in str(error)


def test_an_unknown_key_of_a_label_is_named_by_its_place() -> None:
    fields = manifest_fields()
    fields["output"]["labels"][0]["treshold"] = 0.5
    error = refused(fields)
    assert error.key == "output.labels[0].treshold"
    assert "threshold" in error.allowed


def test_an_unknown_parameter_of_a_step_is_named_with_that_steps_parameters() -> None:
    fields = manifest_fields()
    fields["preprocessing"]["steps"][1]["pixel"] = 3
    error = refused(fields)
    assert error.key == "preprocessing.steps[1].pixel"
    assert error.allowed == "unknown key; allowed: name, pixels"


def test_an_unknown_step_is_answered_with_the_registered_ones() -> None:
    fields = manifest_fields()
    fields["preprocessing"]["steps"][1]["name"] = "blur"
    error = refused(fields)
    assert error.key == "preprocessing.steps[1]"
    assert "resize" in error.allowed


def test_all_wrong_keys_are_collected() -> None:
    fields = manifest_fields()
    fields["version"] = "one"
    fields["output"]["labels"][0]["threshold"] = 1.5
    del fields["title"]
    assert {one.key for one in refused(fields).problems} == {"title", "version", "output.labels[0].threshold"}


def change(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def apply(fields: dict[str, Any]) -> None:
        inner: Any = fields
        for part in path[:-1]:
            inner = inner[part]
        inner[path[-1]] = to

    return apply


LABEL = manifest_fields()["output"]["labels"][0]


@pytest.mark.parametrize(
    ("spoil", "key", "words"),
    [
        (change("schema", to=2), "schema", "Input should be 1"),
        (change("name", to="../x"), "name", "pattern"),
        (change("scope", "body_part", to="(head"), "scope.body_part", "not a regular expression"),
        (change("scope", "description", to=""), "scope.description", "at least 1 character"),
        (change("scope", "thickness_mm", to=[5.0, 1.0]), "scope.thickness_mm", "[lowest, highest]"),
        (change("scope", "tilt", to="ignore"), "scope.tilt", "'per-slice', 'resample' or 'refuse'"),
        (change("scope", "kernel", to="("), "scope.kernel", "not a regular expression"),
        (change("preference", to={"kernel": ["("]}), "preference.kernel[0]", "not a regular expression"),
        (change("preference", to={"thickness_mm": 0.0}), "preference.thickness_mm", "greater than 0"),
        (change("preference", to={"coverage": "least"}), "preference.coverage", "'most' or 'ignore'"),
        (change("preference", to={"slices": 3}), "preference.slices", "allowed: coverage, kernel, thickness_mm"),
        (change("scope", "sop_classes", to=["CT"]), "scope.sop_classes[0]", "pattern"),
        (change("output", "aggregation", to="median"), "output.aggregation", '"top-K-mean"'),
        (change("output", "labels", to=[]), "output.labels", "at least 1 item"),
        (change("output", "labels", to=[LABEL, {**LABEL, "index": 1}]), "output", "different names"),
        (change("output", "labels", to=[LABEL, {**LABEL, "name": "other"}]), "output", "different indices"),
        (change("golden", "file", to="../../etc/passwd"), "golden.file", "plain relative path"),
        (change("golden", "tolerance", to=0.0), "golden.tolerance", "greater than 0"),
        (change("files", to={"../model.keras": HASH}), "files.../model.keras", "plain relative path"),
        (change("files", to={"/model.keras": HASH}), "files./model.keras", "plain relative path"),
        (change("files", to={"model.keras": "abc"}), "files.model.keras", "pattern"),
        (change("input", "shape", to=[32, 32]), "input.shape[2]", "required"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    spoil: Callable[[dict[str, Any]], None], key: str, words: str
) -> None:
    fields = manifest_fields()
    spoil(fields)
    error = refused(fields)
    assert error.key == key
    assert words in error.allowed


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"[a]\n[a]"])
def test_a_file_that_is_not_toml_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(ManifestError, match=r"^m\.toml: "):
        Manifest.parse(content, "m.toml")


def test_a_folder_without_a_manifest_is_told_what_a_bundle_is(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"a bundle is a folder with manifest\.toml in it"):
        Manifest.read(tmp_path)


def test_a_manifest_does_not_change_after_reading() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse(manifest_fields()).clinical = True  # type: ignore[misc]


PLAIN = st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text(max_size=8))
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=4))
def test_toml_reads_back_what_was_written(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(document)) == document


def test_toml_has_no_place_for_other_values() -> None:
    with pytest.raises(TypeError, match="bytes has no place in TOML"):
        toml_text({"key": b"bytes"})
