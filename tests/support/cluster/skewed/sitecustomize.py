"""Found first on PYTHONPATH, this sets the wall clock of every process of a host that a test gave another time."""

import os
from datetime import datetime, timedelta

from hounsfield.daemon.clock import SystemClock

_AHEAD = timedelta(seconds=float(os.environ.get("TESTS_SKEW_SECONDS", "0")))
_true_now = SystemClock.now


def _now(clock: SystemClock) -> datetime:
    return _true_now(clock) + _AHEAD


SystemClock.now = _now  # type: ignore[method-assign]
