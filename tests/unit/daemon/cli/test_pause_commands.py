"""`hounsfield pause` and `resume`, and that every list says what is paused."""

import json
from pathlib import Path

import pytest
from support.joblog import Log


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "home")


def test_nothing_is_paused_at_first(log: Log) -> None:
    result = log.run("pause")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "nothing is paused\n")
    assert log.run("jobs", "list").stderr == ""


def test_a_pause_is_listed_with_its_note_and_who_made_it(log: Log) -> None:
    assert log.run("pause", "delivery", "--note", "PACS moves", "--by", "anna").stdout == "delivery is paused\n"
    assert log.run("pause", "INTAKE").stdout == "intake is paused\n"
    assert log.run("pause", "intake").stdout == "intake was paused already\n"
    rows = log.json("pause")
    assert [(row["part"], list(row)) for row in rows] == [
        ("intake", ["part", "since", "by", "note"]),
        ("delivery", ["part", "since", "by", "note"]),
    ]
    assert (rows[1]["by"], rows[1]["note"]) == ("anna", "PACS moves")
    shown = log.run("pause").stdout
    assert "PACS moves" in shown
    assert "anna" in shown


def test_what_is_resumed_is_no_longer_listed(log: Log) -> None:
    log.run("pause", "inference")
    assert log.run("resume", "inference").stdout == "inference goes on\n"
    assert log.run("resume", "inference").stdout == "inference was not paused\n"
    assert log.json("pause") == []


@pytest.mark.parametrize(
    "command",
    [
        ["jobs", "list"],
        ["jobs", "list", "--json"],
        ["jobs", "show", "1"],
        ["jobs", "tail"],
        ["series", "list"],
        ["results", "list"],
        ["destinations", "--json"],
    ],
)
def test_every_list_says_on_stderr_what_is_paused(log: Log, command: list[str]) -> None:
    log.run("pause", "inference", "--note", "new model", "--by", "anna")
    result = log.run(*command)
    assert result.exit_code == 0
    line = result.stderr.splitlines()[0]
    assert line.startswith("inference is paused since 2")
    assert line.endswith(" by anna (new model)")
    if "--json" in command:
        assert all(json.loads(line) for line in result.stdout.splitlines())


def test_a_note_cannot_write_to_the_terminal(log: Log) -> None:
    log.run("pause", "inference", "--note", "\x1b[2Jgone")
    assert "\x1b" not in log.run("jobs", "list").stderr


@pytest.mark.parametrize("command", [["pause", "everything"], ["resume"], ["resume", "all"]])
def test_only_what_there_is_can_be_paused_or_resumed(log: Log, command: list[str]) -> None:
    assert log.run(*command).exit_code == 2
