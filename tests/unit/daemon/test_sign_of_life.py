"""A container's health check hears whether the service turns, from the file that the service writes."""

import time
from pathlib import Path

import pytest
from support.fakes import ManualClock
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.heartbeat import Heartbeat
from hounsfield.daemon.notify import ServiceWatchdog, notify, watchdog_seconds
from hounsfield.daemon.sign_of_life import BEAT_SECONDS, SILENCE_SECONDS, VARIABLE, silence, write_sign


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "alive"))
    return tmp_path / "alive"


def health() -> Result:
    return CliRunner().invoke(app, ["health"])


def test_supervisor_and_lone_role_write_the_file_every_ten_seconds(file: Path) -> None:
    clock = ManualClock()
    for turn in (ServiceWatchdog(clock).pat, Heartbeat.of_process(-1, clock).beat):
        written = 0
        for _ in range(60):
            turn()
            written += file.exists()
            file.unlink(missing_ok=True)
            clock.advance(1.0)
        assert written == 60 / BEAT_SECONDS
    assert list(file.parent.iterdir()) == []


def test_other_news_for_the_service_manager_are_no_sign_of_life(file: Path) -> None:
    notify("READY=1")
    notify("STATUS=waiting for the server of the database")
    assert not file.exists()


def test_a_role_of_a_supervisor_writes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Heartbeat(lambda _: None, ManualClock()).beat()
    assert not file.exists()


def test_without_the_variable_nobody_watches(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert watchdog_seconds() == 2 * BEAT_SECONDS
    monkeypatch.delenv(VARIABLE)
    assert watchdog_seconds() is None
    notify("WATCHDOG=1")
    assert not file.exists()


def test_a_file_that_cannot_be_written_stops_no_service(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(file / "below" / "nothing"))
    assert not notify("WATCHDOG=1")


def test_silence_counts_from_what_was_written_last(file: Path) -> None:
    write_sign(file, 100.0)
    write_sign(file, 110.0)
    assert silence(file, 112.5) == 2.5


@pytest.mark.parametrize("content", [None, "", "soon", "900.0"])
def test_a_file_of_before_the_machine_started_and_no_file_tell_nothing(file: Path, content: str | None) -> None:
    if content is not None:
        file.write_text(content)
    assert silence(file, 500.0) is None


def test_health_says_that_the_service_turns(file: Path) -> None:
    notify("WATCHDOG=1")
    result = health()
    assert (result.exit_code, result.output) == (0, "alive 0 s ago\n")


def test_health_fails_for_a_service_that_hangs_or_never_spoke(file: Path) -> None:
    result = health()
    assert (result.exit_code, "no sign of life" in result.output) == (1, True)
    write_sign(file, time.monotonic() - SILENCE_SECONDS - 1)
    result = health()
    assert (result.exit_code, "the last sign of life is 61 s old" in result.output) == (1, True)


def test_health_says_what_is_missing_where_no_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    result = health()
    assert (result.exit_code, f"{VARIABLE} is not set" in result.output) == (2, True)
