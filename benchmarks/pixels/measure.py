"""Interleaved rounds: a slow moment of the machine hits everything that is compared.

Single calls are measured in processor time, which other work on the machine disturbs least.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from statistics import median

Call = Callable[[], object]
Rounds = dict[str, list[float]]
"""Milliseconds of one call in each round, by name."""
_BURST = 5
"""Calls in a row: slices come one after the other, and what is compared must not cool each other's caches."""


def milliseconds(calls: Mapping[str, Call], rounds: int, clock: Callable[[], float] = time.process_time) -> Rounds:
    """Return the median time of each call in each round."""
    for call in calls.values():
        call()
    seen: Rounds = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seen[name].append(1e3 * median(_burst(call, clock)))
    return seen


def _burst(call: Call, clock: Callable[[], float]) -> list[float]:
    taken = []
    for _ in range(_BURST):
        started = clock()
        call()
        taken.append(clock() - started)
    return taken


def in_a_pool(calls: Mapping[str, Call], rounds: int, threads: int = 2, each: int = 4) -> Rounds:
    """Wall time per call when ``threads`` threads make them at the same time: it shows who lets others run."""
    with ThreadPoolExecutor(threads) as pool:

        def many(call: Call) -> Call:
            return lambda: list(pool.map(lambda _: call(), range(each)))

        found = milliseconds({name: many(call) for name, call in calls.items()}, rounds, time.perf_counter)
    return {name: [value / each for value in values] for name, values in found.items()}
