"""The three top-level folders reach users as hounsfield.*: docs/adr/0001-import-names.md."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("daemon", "model", "storage")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def folders_with_code() -> list[str]:
    modules = [module for folder in FOLDERS for module in (ROOT / folder).rglob("*.py")]
    return sorted({".".join(("hounsfield", *module.parent.relative_to(ROOT).parts)) for module in modules})


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_folder_with_code_is_a_listed_package() -> None:
    assert PROJECT["tool"]["setuptools"]["packages"] == folders_with_code()


@pytest.mark.parametrize("name", folders_with_code())
def test_every_package_says_what_lives_there_and_what_never_does(name: str) -> None:
    folder = ROOT.joinpath(*name.split(".")[1:])
    lives, *more = (ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or "").split("\n\n")
    assert len(lives) > 20
    assert lives.endswith(".")
    assert more[-1].startswith("Never here: ")
    assert more[-1].endswith(".")


@pytest.mark.parametrize("name", ["model", "storage"])
def test_a_folder_with_many_modules_says_where_each_of_them_belongs(name: str) -> None:
    told = re.findall(r"``(\w+)``", ast.get_docstring(ast.parse((ROOT / name / "__init__.py").read_text())) or "")
    there = [path.stem for path in (ROOT / name).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    assert sorted(told) == sorted(set(there) - {"__init__"})


def test_every_folder_of_tests_is_told_in_their_readme() -> None:
    told = re.findall(r"^\| `([a-z]+)/` \|", (ROOT / "tests" / "README.md").read_text(), re.MULTILINE)
    assert told == sorted(path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name[0].isalpha())


def test_package_dir_maps_the_three_folders_and_nothing_else() -> None:
    assert PROJECT["tool"]["setuptools"]["package-dir"] == {f"hounsfield.{name}": name for name in FOLDERS}


@pytest.mark.parametrize("name", FOLDERS)
def test_the_links_that_type_checkers_read_are_relative_and_lead_to_the_folders(name: str) -> None:
    link = ROOT / ".typing" / "hounsfield" / name
    assert link.readlink() == Path("..", "..", name)
    assert link.resolve() == ROOT / name


def test_hounsfield_stays_a_namespace_without_a_file_of_its_own() -> None:
    assert sorted(path.name for path in (ROOT / ".typing" / "hounsfield").iterdir()) == list(FOLDERS)


def test_no_import_crosses_the_lines_between_the_packages() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"Contracts: {len(PROJECT['tool']['importlinter']['contracts'])} kept, 0 broken." in done.stdout


def test_the_lock_pins_every_direct_requirement_within_its_bounds() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    lines = [
        *PROJECT["project"]["dependencies"],
        *(line for name in ("dev", "docs", "postgres", "train") for line in extras[name]),
    ]
    unmet = [
        line for line in lines if not Requirement(line).specifier.contains(pins().get(Requirement(line).name, "0"))
    ]
    assert unmet == []


def test_the_command_is_installed() -> None:
    (script,) = entry_points(group="console_scripts", name="hounsfield")
    assert callable(script.load())
