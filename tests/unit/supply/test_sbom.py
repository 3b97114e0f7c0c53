"""The bill of materials is valid CycloneDX, complete, and the same each time."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import licences
import lockfiles
import pytest
import sbom
from cyclonedx.model import HashAlgorithm

PROJECT = tomllib.loads((lockfiles.ROOT / "pyproject.toml").read_text())["project"]
RULES = licences.load(licences.RULES.read_text())
GROUPS = lockfiles.groups()
EPOCH = 1_800_000_000


@pytest.fixture(scope="module")
def written() -> str:
    return sbom.text(sbom.bill(PROJECT, RULES, EPOCH))


@pytest.fixture(scope="module")
def bill(written: str) -> Any:
    return json.loads(written)


def component(bill: Any, name: str) -> Any:
    (found,) = (one for one in bill["components"] if one["name"] == name)
    return found


def test_it_names_every_package_of_the_base_and_of_the_serving_extras_and_no_other(bill: Any) -> None:
    expected = {pin.name: pin.version for group in RULES.serving for pin in GROUPS[group].values()}
    assert {one["name"]: one["version"] for one in bill["components"]} == expected
    assert bill["metadata"]["component"]["version"] == PROJECT["version"]


def test_every_package_has_a_licence_a_package_url_and_the_digests_of_the_lock(bill: Any) -> None:
    pins = lockfiles.union(GROUPS)
    for one in bill["components"]:
        assert one["licenses"]
        assert one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}"
        (reference,) = one["externalReferences"]
        digests = {f"sha256:{entry['content']}" for entry in reference["hashes"]}
        assert digests == set(pins[one["name"]].hashes)


def test_what_only_an_extra_brings_is_optional_and_says_which(bill: Any) -> None:
    assert component(bill, "tensorflow")["scope"] == "required"
    psycopg = component(bill, "psycopg")
    assert psycopg["scope"] == "optional"
    assert psycopg["properties"] == [{"name": "hounsfield:extra", "value": "postgres"}]


def test_it_names_the_libraries_inside_binary_wheels(bill: Any) -> None:
    inside = {part["name"]: part for part in component(bill, "opencv-python-headless")["components"]}
    assert inside["FFmpeg"]["licenses"] == [{"license": {"id": "LGPL-2.1-or-later"}}]
    assert inside["openssl-libs"]["version"].startswith("1.1.1"), "as the wheel's own inventory says"
    assert len(component(bill, "imagecodecs")["components"]) > 40


def test_everything_in_it_is_needed_by_something(bill: Any) -> None:
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in bill["dependencies"]}
    reached, todo = set(), ["hounsfield"]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += needs[name]
    assert {one["bom-ref"] for one in bill["components"]} - reached == set()


def test_the_same_checkout_gives_the_same_bytes(written: str) -> None:
    assert sbom.text(sbom.bill(PROJECT, RULES, EPOCH)) == written
    assert json.loads(written)["metadata"]["timestamp"].startswith("2027-01-15T08:00:00")


def test_it_holds_the_digest_of_the_wheel_it_is_about(tmp_path: Path) -> None:
    wheel = tmp_path / "hounsfield.whl"
    wheel.write_bytes(b"a wheel")
    (found,) = sbom.root(PROJECT, wheel).hashes
    assert (found.alg, found.content) == (HashAlgorithm.SHA_256, hashlib.sha256(b"a wheel").hexdigest())


def test_it_keeps_to_the_schema_and_a_text_that_does_not_is_seen(written: str) -> None:
    sbom.validate(written)
    with pytest.raises(sbom.Invalid):
        sbom.validate('{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "library"}]}')
