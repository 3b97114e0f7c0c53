"""constraints.txt, the files with hashes and pyproject.toml say the same; `make lock` writes all of them."""

import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import lock
import lockfiles
import pytest
import sbom
from lockfiles import BASE, BUILD, Pin
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

PROJECT = tomllib.loads((lockfiles.ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
GROUPS = lockfiles.groups()
INSTALLED_BY_MAKE_DEV = ("postgres", "train", "onnx", "docs", "dev")


def test_there_is_a_file_for_the_base_for_the_build_and_for_each_extra() -> None:
    assert set(GROUPS) == {BASE, BUILD, *EXTRAS}


def test_the_constraints_are_all_that_is_locked_with_hashes_at_the_same_versions() -> None:
    constraints = lockfiles.parse(lockfiles.CONSTRAINTS.read_text())
    locked = lockfiles.union(GROUPS)
    assert {name: pin.version for name, pin in constraints.items()} == {
        name: pin.version for name, pin in locked.items()
    }


def test_every_pin_has_hashes_and_no_file_says_where_to_get_it() -> None:
    assert [pin.name for pins in GROUPS.values() for pin in pins.values() if not pin.hashes] == []
    for file in lockfiles.FOLDER.glob("*.txt"):
        text = file.read_text()
        assert "://" not in text
        assert "--index" not in text
        assert "--extra-index" not in text


@pytest.mark.parametrize("group", [BASE, *EXTRAS])
def test_what_pyproject_asks_for_is_pinned_within_its_bounds(group: str) -> None:
    pins = GROUPS[BASE] | GROUPS[group]
    lines = PROJECT["dependencies"] if group == BASE else EXTRAS[group]
    unmet = [line for line in lines if not _met(Requirement(line), pins)]
    assert unmet == [], "make lock"


def _met(requirement: Requirement, pins: Mapping[str, Pin]) -> bool:
    pin = pins.get(lock.canonicalize_name(requirement.name))
    return pin is not None and requirement.specifier.contains(pin.version)


@pytest.mark.parametrize("group", [BASE, *INSTALLED_BY_MAKE_DEV])
def test_what_the_locked_packages_need_is_locked_too(group: str) -> None:
    pins = GROUPS[BASE] | GROUPS[group]
    needed = sbom.needs(PROJECT, [group]).items()
    missing = {name: sorted(wanted - pins.keys()) for name, wanted in needed if wanted - pins.keys()}
    assert missing == {}, "make lock"


@pytest.mark.parametrize("group", [BASE, "postgres", "train", "onnx"])
def test_what_is_served_with_runs_with_the_python_of_debian_12(group: str) -> None:
    wanted = {name: distribution(name).metadata.get_all("Requires-Python", ()) for name in GROUPS[group]}
    assert [name for name, said in wanted.items() if not SpecifierSet(",".join(said)).contains("3.11.2")] == []


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_repeats_nothing_of_the_base(extra: str) -> None:
    assert GROUPS[BASE].keys() & GROUPS[extra].keys() == set()


def test_a_file_is_read_as_it_is_written() -> None:
    pins = [
        Pin(name="b", version="2.0", hashes=("sha256:22", "sha256:33")),
        Pin(name="a-c", version="1", hashes=("sha256:11",)),
    ]
    text = lockfiles.render("two lines\nof header", pins)
    assert text.startswith("# two lines\n# of header\na-c==1 \\\n    --hash=sha256:11\nb==2.0")
    assert lockfiles.parse(text) == {pin.name: pin for pin in pins}


@pytest.mark.parametrize("line", ["numpy>=2", "--index-url https://somewhere", "numpy==2 --hash=md5:00", "numpy"])
def test_anything_but_a_pin_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not a pin"):
        lockfiles.parse(line)


def test_two_groups_that_pin_different_versions_are_refused() -> None:
    with pytest.raises(ValueError, match="b pins another numpy"):
        lockfiles.union(
            {"a": {"numpy": Pin(name="numpy", version="1")}, "b": {"numpy": Pin(name="numpy", version="2")}}
        )


def test_an_extras_file_holds_only_what_the_extra_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"web": {"web", "text"}, "db": {"db", "text"}, **{name: {name} for name in lock.BUILDERS}}

    def resolve(lines: Iterable[str], kept: object, *, preferred: object = (), hashes: bool = False) -> dict[str, Pin]:
        names = {name for line in lines for name in needs[line]}
        return {name: Pin(name=name, version="1", hashes=("sha256:00",) if hashes else ()) for name in names}

    monkeypatch.setattr(lock, "resolve", resolve)
    project: dict[str, Any] = {"dependencies": ["web"], "optional-dependencies": {"store": ["db"]}}
    found = lock.locked(project)
    assert {group: set(pins) for group, pins in found.items()} == {
        BASE: {"web", "text"},
        BUILD: set(lock.BUILDERS),
        "store": {"db"},
    }
    assert all(pin.hashes for pins in found.values() for pin in pins.values())


def test_a_resolver_that_fails_leaves_the_lock_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "base.txt").write_text("numpy==2\n")
    monkeypatch.setattr(lock, "FOLDER", tmp_path)

    def resolve(*_: object, **__: object) -> dict[str, Pin]:
        raise lock.Unresolved("no version of numpy fits")

    monkeypatch.setattr(lock, "resolve", resolve)
    assert lock.main() == 1
    assert capsys.readouterr().err == "lock: no version of numpy fits\n"
    assert (tmp_path / "base.txt").read_text() == "numpy==2\n"
