"""Medians of interleaved rounds: a slow moment of the machine hits everything that is compared.

Single calls are measured in processor time, which other work on the machine disturbs least.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from statistics import median

Call = Callable[[], object]
_BURST = 5
"""Calls in a row: slices come one after the other, and what is compared must not cool each other's caches."""


def milliseconds(
    calls: Mapping[str, Call], rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, float]:
    """Return the median time of each call."""
    for call in calls.values():
        call()
    seen: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            for _ in range(_BURST):
                started = clock()
                call()
                seen[name].append(clock() - started)
    return {name: median(values) * 1e3 for name, values in seen.items()}


def in_a_pool(calls: Mapping[str, Call], rounds: int, threads: int = 2, each: int = 4) -> dict[str, float]:
    """Wall time per call when ``threads`` threads make them at the same time: it shows who lets others run."""
    with ThreadPoolExecutor(threads) as pool:

        def many(call: Call) -> Call:
            return lambda: list(pool.map(lambda _: call(), range(each)))

        found = milliseconds({name: many(call) for name, call in calls.items()}, rounds, time.perf_counter)
    return {name: value / each for name, value in found.items()}
