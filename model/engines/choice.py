"""Which way of running a network is the fastest here: measured once per bundle, device and version, and remembered.

XLA makes one network twice as fast and the next one slower; half precision changes scores. So nothing is assumed:
what is faster by a clear margin, and still gives the golden scores, is taken.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median

from hounsfield.model.engines.engine import Execution, Precision

ROUNDS = 7
CLEARLY = 0.95
"""A candidate takes at most this share of the time of what is taken so far: less is noise."""
_MOST_BYTES = 1_000_000

Clock = Callable[[], float]


def fastest(
    runs: Mapping[Execution, Callable[[], object]], clock: Clock = time.perf_counter
) -> tuple[Execution, dict[Execution, float]]:
    """Return the fastest of several ways to run one batch, and the median seconds of each; the first is the default.

    Each has run before, so that nothing is compiled in here. Rounds are interleaved: a slow moment hits all.
    """
    seen: dict[Execution, list[float]] = {execution: [] for execution in runs}
    for _ in range(ROUNDS):
        for execution, run in runs.items():
            started = clock()
            run()
            seen[execution].append(clock() - started)
    seconds = {execution: median(values) for execution, values in seen.items()}
    best = next(iter(runs))
    for execution in runs:
        if seconds[execution] <= CLEARLY * seconds[best]:
            best = execution
    return best, seconds


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen, in a small JSON file. A file that cannot be read or written costs a new measurement."""

    path: Path

    def recall(self, key: Sequence[str], allowed: Sequence[Execution]) -> Execution | None:
        """Return what was chosen for a key, if it is still among those allowed."""
        found = self._read().get(_digest(key))
        if not isinstance(found, dict):
            return None
        with suppress(KeyError, ValueError, TypeError):
            execution = Execution(precision=Precision(found["precision"]), xla=found["xla"] is True)
            return execution if execution in allowed else None
        return None

    def remember(self, key: Sequence[str], chosen: Execution, seconds: Mapping[Execution, float]) -> None:
        """Add a choice, with the milliseconds it rests on; whole files replace each other."""
        said = {str(execution): round(value * 1e3, 3) for execution, value in seconds.items()}
        entry = {"for": list(key), "precision": chosen.precision.value, "xla": chosen.xla, "milliseconds": said}
        text = json.dumps({**self._read(), _digest(key): entry}, indent=1, sort_keys=True)
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
            beside.write_text(text, encoding="utf-8")
            beside.replace(self.path)

    def _read(self) -> dict[str, object]:
        with suppress(OSError, ValueError, RecursionError):
            if self.path.stat().st_size <= _MOST_BYTES:
                found = json.loads(self.path.read_text(encoding="utf-8"))
                return found if isinstance(found, dict) else {}
        return {}


def _digest(key: Sequence[str]) -> str:
    return sha256("\0".join(key).encode()).hexdigest()[:32]
