"""The loop of a role outlives what its steps raise."""

import threading
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from hounsfield.daemon import repeating, role_process
from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.stop_signals import STOP_SECONDS
from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Rejection
from hounsfield.storage.doorbell import Unwired
from hounsfield.storage.errors import DatabaseUnavailable


@pytest.mark.parametrize(
    "trouble",
    [
        DatabaseUnavailable("down"),
        ResultError("no image"),
        PixelError(Rejection.UNREADABLE_PIXELS, "broken"),
        RuntimeError("nobody thought of this"),
    ],
)
def test_a_step_that_raises_is_repeated(trouble: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeating, "TROUBLE_SECONDS", 0.0)
    stop, calls = threading.Event(), []

    def step() -> bool:
        calls.append(1)
        if len(calls) < 3:
            raise trouble
        stop.set()
        return True

    repeating.repeat(step, stop, Unwired())
    assert len(calls) == 3


@dataclass
class Busy:
    """A worker with a job in hand."""

    trouble: Exception | None = None
    given_back: int = 0

    def give_back(self) -> bool:
        if self.trouble is not None:
            raise self.trouble
        self.given_back += 1
        return True


def stopped(worker: Any, *, is_done: bool, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ask for the end; return the exit statuses of a worker that had to leave its job."""
    monkeypatch.setattr(role_process, "HAND_BACK_SECONDS", 0.0)
    stop, done, left = threading.Event(), threading.Event(), []
    stop.set()
    if is_done:
        done.set()
    role_process.hand_back(worker, stop, done, left.append)
    return left


def test_a_worker_whose_job_ends_in_time_gives_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Busy()
    assert stopped(worker, is_done=True, monkeypatch=monkeypatch) == []
    assert worker.given_back == 0


def test_a_worker_whose_job_takes_too_long_gives_it_back_and_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Busy()
    assert stopped(worker, is_done=False, monkeypatch=monkeypatch) == [0]
    assert worker.given_back == 1


def test_a_worker_without_a_database_leaves_its_job_to_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stopped(Busy(DatabaseUnavailable("down")), is_done=False, monkeypatch=monkeypatch) == [0]


def test_a_worker_gives_its_job_back_well_before_it_is_killed() -> None:
    assert 5 <= role_process.HAND_BACK_SECONDS <= STOP_SECONDS - 2


def test_a_worker_in_a_hurry_gives_its_job_back_without_waiting_for_the_model() -> None:
    worker, left = Busy(), []
    role_process.give_back_and_leave(worker, left.append)
    assert (worker.given_back, left) == (1, [0])


def test_a_role_waits_for_a_server_that_starts_later_and_tells_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeating, "TROUBLE_SECONDS", 0.0)
    answers = iter([False, False, True])

    def open_it() -> None:
        if not next(answers):
            raise DatabaseUnavailable("down")

    with capture_logs() as logs:
        repeating.wait_for_server(open_it, "postgresql://a/b", threading.Event())
    assert [line["log_level"] for line in logs] == ["error"]
    assert list(answers) == []


def test_a_role_that_is_stopped_while_it_waits_ends_cleanly() -> None:
    stop = threading.Event()

    def open_it() -> None:
        stop.set()
        raise DatabaseUnavailable("down")

    with pytest.raises(SystemExit) as ending:
        repeating.wait_for_server(open_it, "postgresql://a/b", stop)
    assert ending.value.code == 0


def test_an_embedded_database_that_cannot_be_opened_is_refused_at_once() -> None:
    def open_it() -> None:
        raise DatabaseUnavailable("locked")

    with pytest.raises(DatabaseUnavailable):
        repeating.wait_for_server(open_it, "sqlite:////a", threading.Event())
