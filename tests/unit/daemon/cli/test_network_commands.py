"""`hounsfield send` and `echo` as a person types them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import JPEG2000Lossless
from support.scp import Scp, listening, write_instance
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli.main import app


@pytest.fixture(scope="module")
def server() -> Iterator[Scp]:
    with listening() as peer:
        yield peer


@pytest.fixture
def scp(server: Scp) -> Scp:
    server.forget()
    return server


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={"NO_COLOR": "1", **environment}).invoke(app, list(arguments))


def test_send_takes_files_and_folders_and_says_how_many_were_kept(scp: Scp, tmp_path: Path) -> None:
    write_instance(tmp_path / "folder" / "deeper" / "one.dcm")
    alone = write_instance(tmp_path / "two.dcm")
    result = run("send", str(tmp_path / "folder"), str(alone), "--to", f"127.0.0.1:{scp.port}", "--called", "STORE")
    assert result.exit_code == 0, result.output
    assert f"2 files sent to STORE at 127.0.0.1:{scp.port}" in result.stdout
    assert len(scp.received) == 2


def test_send_names_each_failure_and_ends_with_one(scp: Scp, tmp_path: Path) -> None:
    write_instance(tmp_path / "plain.dcm")
    packed = write_instance(tmp_path / "packed.dcm", JPEG2000Lossless)
    (tmp_path / "note.txt").write_text("no image")
    result = run("send", str(tmp_path), "--to", f"127.0.0.1:{scp.port}", "--called", "STORE")
    assert result.exit_code == 1
    assert f"failed: {packed}" in result.stderr
    assert "not a DICOM file, left out" in result.stderr
    assert "1 of 2 files were not kept" in result.stderr


def test_send_tells_each_file_as_json(scp: Scp, tmp_path: Path) -> None:
    path = write_instance(tmp_path / "one.dcm")
    result = run("send", str(path), "--to", f"127.0.0.1:{scp.port}", "--called", "STORE", "--json")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"path": str(path), "status": "0000", "problem": None}
    ]


def test_send_with_nothing_to_send_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no image")
    assert run("send", str(tmp_path), "--to", "127.0.0.1:1", "--called", "STORE").exit_code == 4


def test_send_to_nobody_is_a_failure_without_a_traceback(tmp_path: Path) -> None:
    result = run("send", str(write_instance(tmp_path / "a.dcm")), "--to", "127.0.0.1:1", "--called", "STORE")
    assert result.exit_code == 1
    assert "nothing answers" in result.stderr
    assert "Traceback" not in result.output


def test_echo_an_address(scp: Scp) -> None:
    result = run("echo", f"127.0.0.1:{scp.port}", "--called", "STORE")
    assert result.exit_code == 0, result.output
    assert "answered in" in result.stdout


def test_echo_a_destination_by_its_name(scp: Scp) -> None:
    entry = {"name": "pacs", "ae_title": "STORE", "host": "127.0.0.1", "port": scp.port}
    result = run("echo", "pacs", HOUNSFIELD_DESTINATION=json.dumps([entry]))
    assert result.exit_code == 0, result.output
    assert "STORE at 127.0.0.1" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["127.0.0.1:104"], 2),
        (["nowhere"], 4),
        (["host:port", "--called", "X"], 2),
        (["127.0.0.1:104", "--called", "MORE_THAN_SIXTEEN"], 2),
    ],
)
def test_echo_refuses_what_it_cannot_mean(arguments: list[str], code: int) -> None:
    result = run("echo", *arguments)
    assert result.exit_code == code
    assert result.stderr.startswith("error: ")
