"""Tells once when a bundle on a scanner begins to drift, and once when that is over."""

from collections import deque

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.drift import DriftSettings
from hounsfield.daemon.drift.comparison import Drift, Level, Movement
from hounsfield.daemon.drift.current import DriftReader
from hounsfield.storage.analysis_facts import AnalysisFactStore, Pair

log = structlog.get_logger("hounsfield.drift")

ROUND_SECONDS = 900.0
"""How often everything is looked at."""

Key = tuple[str, str]


class DriftWatch:
    """``tick`` may run any number of times. It looks at one pair at a time, so that nobody waits for it.

    An alarm begins with :attr:`Level.ALARM` and ends when the pair is stable again, or is no longer judged: a pair at
    the border would otherwise raise one after the other.
    """

    def __init__(self, facts: AnalysisFactStore, settings: DriftSettings, clock: Clock) -> None:
        self._facts = facts
        self._settings = settings
        self._clock = clock
        self._next = clock.monotonic()
        self._left: deque[Pair] = deque()
        self._reader: DriftReader | None = None
        self._alarms: dict[Key, Pair] = {}

    @property
    def in_alarm(self) -> frozenset[Key]:
        """Bundle SHA-256 and scanner of what is in alarm."""
        return frozenset(self._alarms)

    def tick(self) -> int:
        """Judge the next pair; return how many are in alarm. Raise StorageError."""
        if self._reader is not None and self._left:
            self._judge(self._reader.drift(self._left[0]))
            self._left.popleft()
        elif self._clock.monotonic() >= self._next:
            self._begin()
        return len(self._alarms)

    def _begin(self) -> None:
        reader = DriftReader(self._facts, self._settings)
        pairs = reader.pairs(self._clock.now())
        self._next = self._clock.monotonic() + ROUND_SECONDS
        self._reader = reader
        self._left = deque(pairs)
        for key in sorted(self._alarms.keys() - {_key(pair) for pair in pairs}):
            self._end(key, "nothing comes from there any more")

    def _judge(self, drift: Drift) -> None:
        key = _key(drift.pair)
        if drift.level is Level.ALARM and key not in self._alarms:
            self._alarms[key] = drift.pair
            log.warning("ALARM: a bundle no longer sees, or answers, what it used to", **_facts(drift))
        elif drift.level in (Level.STABLE, Level.LEARNING) and key in self._alarms:
            self._end(key, "it is as it used to be, or was given another baseline")

    def _end(self, key: Key, why: str) -> None:
        pair = self._alarms.pop(key)
        log.info(
            "the drift alarm is over", bundle=pair.bundle, version=pair.bundle_version, scanner=pair.scanner, why=why
        )


def _key(pair: Pair) -> Key:
    return pair.bundle_sha256, pair.scanner


def _facts(drift: Drift) -> dict[str, object]:
    """What the log says: names of numbers and how far they moved, nothing of a patient."""
    pair = drift.pair
    return {
        "bundle": pair.bundle,
        "version": pair.bundle_version,
        "scanner": pair.scanner,
        **_moved("score", drift.score),
        **_moved("input", drift.input),
        "look": "hounsfield drift report",
    }


def _moved(what: str, movement: Movement | None) -> dict[str, object]:
    if movement is None:
        return {}
    return {what: movement.name, f"{what}_psi": round(movement.shift.psi, 2)}
