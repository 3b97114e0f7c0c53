"""Waiting in tests: poll with a deadline, never sleep for luck."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], seconds: float = 10.0, interval: float = 0.02) -> T:
    """Call ``predicate`` until it answers something true and return that; fail the test after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        answer = predicate()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            name = getattr(predicate, "__qualname__", repr(predicate))
            raise AssertionError(f"{name} was still {answer!r} after {seconds:g} s")
        time.sleep(interval)
