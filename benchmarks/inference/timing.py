"""Interleaved rounds: a slow moment of the machine hits everything that is compared."""

import time
from collections.abc import Callable, Mapping

Call = Callable[[], object]


def compare(calls: Mapping[str, Call], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each call in each round; each has run twice before."""
    for call in calls.values():
        call()
        call()
    seen: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            seen[name].append(time.perf_counter() - started)
    return seen
