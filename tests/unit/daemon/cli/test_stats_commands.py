"""`hounsfield jobs stats` and `hounsfield top` over a job log that the stores wrote."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console
from support.joblog import FLAGGED, Log, at

from hounsfield.daemon.cli.board import Board, disks, look
from hounsfield.daemon.cli.board_views import screen
from hounsfield.daemon.config.settings import load_settings
from hounsfield.storage.alarms import AlarmKind, Condition
from hounsfield.storage.components import Component
from hounsfield.storage.control import Part, Pause
from hounsfield.storage.engine import Database, open_database

STORY = "2026-11-22T08:00:00Z"


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "home")


@contextmanager
def opened(log: Log) -> Iterator[Database]:
    database = open_database(None, log.home)
    try:
        yield database
    finally:
        database.close()


def test_stats_count_outcomes_failures_and_seconds(log: Log) -> None:
    (told,) = log.json("jobs", "stats", "--since", STORY)
    infer = next(one for one in told["latencies"] if one["kind"] == "INFER")  # type: ignore[attr-defined]
    assert infer["jobs"] == 2
    assert infer["seconds"]["50"] == pytest.approx(2.0)
    assert infer["stages"]["infer"]["50"] == pytest.approx(0.5)
    (scanner,) = told["analyses_by_scanner"]  # type: ignore[misc]
    assert (scanner["group"], scanner["jobs"], scanner["positive"], scanner["not_analysed"]) == ("CT1", 2, 1, 1)
    assert [one["group"] for one in told["analyses_by_bundle"]] == ["ich-demo"]  # type: ignore[attr-defined]
    assert "incomplete" in [one["group"] for one in told["analyses_by_reason"]]  # type: ignore[attr-defined]


def test_stats_are_readable_and_choose_what_is_counted_by(log: Log) -> None:
    output = log.run("jobs", "stats", "--since", STORY).output
    for words in ("waiting now", "per hour", "95 % s", "preprocess", "analyses by scanner", "NOT ANALYSED", "CT1"):
        assert words in output
    assert "incomplete: slices missing" in output
    narrow = log.run("jobs", "stats", "--since", STORY, "--by", "bundle").output
    assert "analyses by bundle" in narrow
    assert "analyses by scanner" not in narrow
    told = list(log.json("jobs", "stats", "--by", "reason")[0])
    assert told[-2:] == ["analyses_by_reason", "deliveries_by_reason"]


def test_stats_tell_why_deliveries_were_given_up(log: Log) -> None:
    (told,) = log.json("jobs", "stats", "--since", STORY)
    (pacs,) = told["deliveries_by_destination"]  # type: ignore[misc]
    assert (pacs["group"], pacs["jobs"], pacs["discarded"]) == ("pacs", 2, 1)
    assert [one["group"] for one in told["deliveries_by_reason"]] == ["refused-status"]  # type: ignore[attr-defined]
    assert "deliveries by reason" in log.run("jobs", "stats", "--since", STORY).output


def test_a_time_in_which_nothing_ended_is_told(log: Log) -> None:
    result = log.run("jobs", "stats", "--since", "10s")
    assert result.exit_code == 0
    assert "nothing was finished since" in result.stderr
    assert log.run("jobs", "stats", "--since", "lately").exit_code == 2


def busy(database: Database) -> None:
    """Let something be wrong, paused, running and gone."""
    database.control.pause(Pause(part=Part.DELIVERY, since=at(1), note="PACS\x1b is moved", person="anna"))
    database.alarms.set(
        [AlarmKind.DISK], [Condition(kind=AlarmKind.DISK, subject="spool", detail={"free": "3 %"})], at(10)
    )
    for name, seen in (("receiver-1@ct", 99.0), ("worker-1@ct", 9.0)):
        database.components.started(
            Component(
                name=name,
                role=name.split("-", maxsplit=1)[0],
                host="ct",
                pid=1,
                version="0.1.0",
                started_at=at(0),
                seen_at=at(seen),
                facts={},
            )
        )


def drawn(board: Board, width: int = 120) -> str:
    console = Console(width=width, record=True, file=Path(os.devnull).open("w"))  # noqa: SIM115 - never written
    console.print(screen(board, lambda uid: f"h:{uid[-3:]}"))
    return console.export_text()


def test_top_shows_what_is_wrong_first_and_everything_on_one_screen(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUNSFIELD_STORAGE__HOME", str(log.home))
    with opened(log) as database:
        busy(database)
        board = look(database, load_settings(), at(100))
    text = drawn(board)
    for words in (
        "delivery is paused since",
        "ALARM disk spool for 1 min 30 s: free 3 %",
        "receiver-1@ct",
        "not heard of for 1 min 31 s",
        "NOT ANALYSED (slices missing)",
        "CT1",
        "DELIVER",
    ):
        assert words in text, words
    assert "\x1b" not in text
    assert FLAGGED not in text
    assert len(text.splitlines()) < 50
    assert text.index("ALARM") < text.index("receiver-1")


def test_top_prints_once_without_a_terminal(log: Log) -> None:
    output = log.run("top").output
    assert "no process of the service was ever heard of" in output
    (told,) = log.json("top")
    assert {"components", "queues", "running", "intake", "last_results", "alarms", "pauses", "disks"} <= set(told)
    assert FLAGGED not in log.run("top", "--json").output


def test_folders_on_one_file_system_are_one_disk(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (one,) = disks({"spool": tmp_path / "spool", "home": tmp_path, "gone": tmp_path / "gone"})
    assert one.holds == "spool, home"
    assert 0 < one.free <= one.total


def read_until(terminal: int, words: bytes, seconds: float) -> bytes:
    """Return what was written to a terminal up to these words."""
    text, end = b"", time.monotonic() + seconds
    while words not in text and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                text += os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
    return text


def test_top_is_drawn_anew_when_something_happens_and_q_ends_it(log: Log) -> None:
    here, there = pty.openpty()
    environment = {**os.environ, "HOUNSFIELD_STORAGE__HOME": str(log.home), "COLUMNS": "140", "LINES": "50"}
    command = [sys.executable, "-m", "hounsfield.daemon.cli.main", "top"]
    process = subprocess.Popen(command, env={**environment, "TERM": "xterm"}, stdin=there, stdout=there, stderr=there)
    os.close(there)
    try:
        assert b"last result of" in read_until(here, b"last result of", 120)
        with opened(log) as database:
            database.control.pause(Pause(part=Part.INTAKE, since=at(0) + timedelta(days=1)))
        assert b"intake is paused" in read_until(here, b"intake is paused", 60)
        os.write(here, b"q")
        read_until(here, b"\x1b[?1049l", 60)
        assert process.wait(60) == 0
    finally:
        process.kill()
        os.close(here)
