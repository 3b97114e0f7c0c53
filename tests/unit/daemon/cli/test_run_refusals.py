"""What cannot work is refused before any image is accepted, with the key named and the right exit code."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli.main import app


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, **variables: str) -> Result:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(app, ["run", *arguments])


def test_a_home_that_is_a_file_names_the_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = run(monkeypatch, HOUNSFIELD_STORAGE__HOME=str(file))
    assert done.exit_code == 3
    assert "HOUNSFIELD_STORAGE__HOME: storage.home" in done.stderr


def test_a_bundle_that_cannot_be_opened_names_the_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle = json.dumps([{"path": str(tmp_path / "nowhere")}])
    done = run(monkeypatch, HOUNSFIELD_STORAGE__HOME=str(tmp_path / "home"), HOUNSFIELD_BUNDLE=bundle)
    assert done.exit_code == 3
    assert "HOUNSFIELD_BUNDLE: bundle[0].path" in done.stderr


def test_the_console_is_refused_also_beside_other_roles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    done = run(monkeypatch, "--role", "receiver", "--role", "console", HOUNSFIELD_STORAGE__HOME=home)
    assert done.exit_code == 2
    assert "no console" in done.stderr
