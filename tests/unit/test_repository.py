"""What must hold for the tree as a whole: the documents tell the truth, and nothing of a machine is left in it."""

import re
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest
import typer.main
from support.peers import skip_or_fail

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.config.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
# In pieces, so that this file does not hold what it looks for.
REGISTRIES = re.compile(
    "|".join(("pypi" + r"\.org", "python" + r"hosted\.", "docker" + r"\.io", "gh" + r"cr\.io", "quay" + r"\.io"))
)
MACHINE_PATHS = re.compile(r"(?<![\w.~}])/(?:" + "|".join(("work", "root", "home", "Users", "tmp/w")) + r")/[\w.]")
LARGEST_FILE = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        skip_or_fail("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def matches(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    found = []
    for file in files:
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    return found


def test_no_file_names_a_package_registry(tracked: list[Path]) -> None:
    assert matches(REGISTRIES, tracked) == []


def test_no_file_names_a_path_of_somebodys_machine(tracked: list[Path]) -> None:
    assert matches(MACHINE_PATHS, tracked) == []


def test_no_dicom_file_and_nothing_large_is_committed(tracked: list[Path]) -> None:
    dicom = [file for file in tracked if file.read_bytes()[128:132] == b"DICM"]
    large = [file for file in tracked if file.stat().st_size > LARGEST_FILE]
    assert (dicom, large) == ([], [])


def test_the_configuration_in_the_readme_is_one_that_the_daemon_takes(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", dedent(README.read_text().replace("\n   ", "\n")), re.DOTALL)
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.toml"
        file.write_text(block)
        assert load_settings(file).dicom.ae_title == "HOUNSFIELD"


def test_the_readme_names_every_command() -> None:
    group = typer.main.get_command(app)
    text = README.read_text()
    missing = [name for name in group.commands if f"hounsfield {name}" not in text]  # type: ignore[attr-defined]
    assert missing == []


def test_make_help_lists_every_command() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert {line.split()[1] for line in done.stdout.splitlines()} >= set(phony[1].split()) - {"test-only"}


def test_the_licence_is_the_one_the_metadata_names() -> None:
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in (ROOT / "LICENSE").read_text()


def test_the_changelog_names_the_version() -> None:
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert f"[{version[1]}]" in (ROOT / "CHANGELOG.md").read_text()
