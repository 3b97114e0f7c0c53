"""The loop of a role outlives what its steps raise."""

import threading

import pytest

from hounsfield.daemon import role_process
from hounsfield.daemon.errors import ResultError
from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Rejection
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
    monkeypatch.setattr(role_process, "TROUBLE_SECONDS", 0.0)
    stop, calls = threading.Event(), []

    def step() -> bool:
        calls.append(1)
        if len(calls) < 3:
            raise trouble
        stop.set()
        return True

    role_process.repeat(step, stop)
    assert len(calls) == 3
