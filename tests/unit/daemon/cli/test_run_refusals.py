"""What cannot work is refused before any image is accepted, with the key named and the right exit code."""

import json
import socket
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


@pytest.mark.parametrize("roles", [(), ("--role", "receiver", "--role", "console"), ("--role", "console")])
def test_a_port_of_the_console_that_somebody_has_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, roles: tuple[str, ...]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = str(other.getsockname()[1])
        home = str(tmp_path / "home")
        done = run(monkeypatch, *roles, HOUNSFIELD_STORAGE__HOME=home, HOUNSFIELD_CONSOLE__PORT=port)
    assert done.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "console.port" in done.stderr
