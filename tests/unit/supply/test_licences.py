"""docs/licences.md is what the installed packages say, and the rules refuse what must not come in."""

import json
import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

import licences
import lockfiles
import pytest
import wheel_parts
from licences import Verdict
from wheel_parts import Part

ROOT = lockfiles.ROOT
RULES = licences.load(licences.RULES.read_text())
GROUPS = lockfiles.groups()


def installed(folder: Path, metadata: str, files: str = "", **inventories: object) -> Distribution:
    """A distribution ``thing`` in ``folder``, with inventories of its own."""
    info = folder / "thing-1.dist-info"
    (info / "sboms").mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: thing\nVersion: 1\n{metadata}")
    for name, inventory in inventories.items():
        (info / "sboms" / f"{name}.json").write_text(json.dumps(inventory))
        files += f"thing-1.dist-info/sboms/{name}.json,,\n"
    (info / "RECORD").write_text(files)
    return Distribution.at(info)


def test_no_licence_is_unknown_or_refused_and_no_library_came_along_unseen() -> None:
    assert list(licences.problems(GROUPS, RULES)) == []


def test_the_page_is_what_make_licences_writes() -> None:
    assert licences.PAGE.read_text() == licences.page(GROUPS, RULES), "make licences"


def test_the_rules_speak_only_of_what_is_locked() -> None:
    names = lockfiles.union(GROUPS).keys()
    assert RULES.bundled.keys() - names == set()
    assert [
        pattern for pattern in RULES.declared if not any(licences.fnmatchcase(name, pattern) for name in names)
    ] == []


@pytest.mark.parametrize(
    ("expression", "group", "verdict"),
    [
        ("MIT", "base", Verdict.PERMISSIVE),
        ("MIT OR GPL-3.0-only", "base", Verdict.PERMISSIVE),
        ("MIT AND GPL-3.0-only", "base", Verdict.REFUSED),
        ("MIT AND (GPL-2.0-only OR BSD-3-Clause)", "base", Verdict.PERMISSIVE),
        ("GPL-3.0-or-later", "base", Verdict.REFUSED),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", "base", Verdict.NOTED),
        ("LGPL-3.0-only", "base", Verdict.REFUSED),
        ("LGPL-3.0-only", "postgres", Verdict.NOTED),
        ("LicenseRef-NVIDIA", "base", Verdict.REFUSED),
        ("Beerware", "base", Verdict.REFUSED),
        ("MIT AND (", "base", Verdict.REFUSED),
    ],
)
def test_of_alternatives_the_best_counts_and_of_several_the_worst(
    expression: str, group: str, verdict: Verdict
) -> None:
    assert licences.judge(expression, group, RULES) is verdict


@pytest.mark.parametrize("group", sorted(GROUPS))
@pytest.mark.parametrize("licence", ["GPL-2.0-only", "GPL-3.0-or-later", "AGPL-3.0-only", "SSPL-1.0"])
def test_the_gpl_and_the_agpl_are_refused_in_every_group(licence: str, group: str) -> None:
    assert licences.judge(licence, group, RULES) is Verdict.REFUSED


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: MIT OR ISC\n", "MIT OR ISC"),
        ("License: Apache 2.0\n", "Apache-2.0"),
        ("License: BSD-3-Clause\n", "BSD-3-Clause"),
        ("Classifier: License :: OSI Approved :: MIT License\n", "MIT"),
    ],
)
def test_the_licence_is_the_one_the_metadata_names(
    metadata: str, licence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, metadata)
    monkeypatch.syspath_prepend(tmp_path)
    assert licences.licence_of("thing", RULES) == licence


@pytest.mark.parametrize("metadata", ["", "License: BSD\n", "Classifier: License :: OSI Approved :: BSD License\n"])
def test_words_that_mean_several_licences_have_to_be_looked_up(
    metadata: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, metadata)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(licences.Unknown, match="look it up and declare it"):
        licences.licence_of("thing", RULES)


def test_a_package_that_is_not_installed_and_not_declared_is_unknown() -> None:
    with pytest.raises(licences.Unknown, match="not installed here"):
        licences.licence_of("no-such-package", RULES)


def test_a_shared_library_that_nobody_named_is_found(tmp_path: Path) -> None:
    wheel = installed(tmp_path, "", "thing.libs/libx264-0a1b.so.164,,\nthing.libs/libz-0a1b.so.1,,\nthing/core.so,,\n")
    assert wheel_parts.unnamed(wheel, (Part(name="zlib", files=("libz",)),)) == ["libx264-0a1b.so.164"]
    assert wheel_parts.unnamed(wheel, ()) == ["libx264-0a1b.so.164", "libz-0a1b.so.1"]


def test_a_wheel_tells_what_is_linked_into_it_without_itself_and_what_it_only_could_use(tmp_path: Path) -> None:
    components = [
        {"name": "thing", "version": "1"},
        {
            "name": "ssl",
            "version": "3",
            "purl": "pkg:generic/ssl@3?download_url=x",
            "licenses": [{"license": {"id": "MIT"}}],
        },
        {"name": "crate", "version": "1", "licenses": [{"expression": "MIT OR ISC"}]},
        {"name": "quant", "scope": "optional", "licenses": [{"license": {"id": "GPL-3.0-or-later"}}]},
    ]
    wheel = installed(tmp_path, "", own={"components": components})
    assert wheel_parts.said_by_itself(wheel) == (
        Part(name="crate", version="1", licence="MIT OR ISC"),
        Part(name="ssl", version="3", licence="MIT", purl="pkg:generic/ssl@3"),
    )


def test_the_ffmpeg_in_opencvs_wheel_is_built_without_its_gpl_parts() -> None:
    (library,) = (file for file in distribution("opencv-python-headless").files or () if "libavcodec" in file.name)
    code = Path(str(library.locate())).read_bytes()
    assert b"LGPL version 2.1 or later" in code
    assert b"--enable-gpl" not in code
    assert b"--enable-nonfree" not in code


def test_nothing_of_ours_calls_the_part_of_opencv_that_uses_ffmpeg() -> None:
    modules = [file for folder in ("daemon", "storage", "model") for file in (ROOT / folder).rglob("*.py")]
    assert len(modules) > 100
    calling = [file.name for file in modules if re.search(r"VideoCapture|VideoWriter|videoio", file.read_text())]
    assert calling == []


def test_the_codecs_with_a_copyleft_or_closed_licence_are_not_in_imagecodecs_wheel() -> None:
    modules = {file.name.partition(".")[0] for file in distribution("imagecodecs").files or ()}
    assert {"_jpeg8", "_jpegls", "_jpeg2k"} <= modules
    assert {"_heif", "_jetraw", "_jpegxs", "_brunsli", "_mozjpeg"} & modules == set()


def test_the_codecs_in_use_are_those_whose_licences_the_document_tells() -> None:
    code = (ROOT / "model" / "codestreams.py").read_text()
    used = set(re.findall(r"\b(\w+)_decode\b", code)) - {""}
    assert used == {"ljpeg", "jpeg8", "jpegls", "jpeg2k", "htj2k", "packbits"}
    text = (ROOT / "docs" / "supply-chain.md").read_text()
    codecs = ("liblj92", "libjpeg-turbo", "CharLS", "OpenJPEG", "OpenJPH", "PackBits")
    assert [name for name in codecs if not re.search(rf"^\| .*{name}.*\| base \|$", text, re.MULTILINE)] == []
