"""Drift for the metrics: one bundle on one scanner at each look, so that no look takes long."""

from collections import deque

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.drift import DriftSettings
from hounsfield.daemon.drift.comparison import Drift
from hounsfield.daemon.drift.current import ROUND_SECONDS, DriftReader
from hounsfield.storage.analysis_facts import AnalysisFactStore, Pair


class DriftRound:
    """Keeps how each pair compared when it was looked at last; used by one thread at a time."""

    def __init__(self, facts: AnalysisFactStore, settings: DriftSettings, clock: Clock) -> None:
        self._facts = facts
        self._settings = settings
        self._clock = clock
        self._next = clock.monotonic()
        self._left: deque[Pair] = deque()
        self._reader: DriftReader | None = None
        self.drifts: dict[object, Drift] = {}
        """By bundle SHA-256 and scanner."""

    def look(self) -> None:
        """Judge the next pair, if one is due. Raises StorageError: the pair has its turn in the next round."""
        if self._reader is None or (not self._left and self._clock.monotonic() >= self._next):
            self._begin()
        if self._reader is not None and self._left:
            pair = self._left.popleft()
            self.drifts[_key(pair)] = self._reader.drift(pair)

    def _begin(self) -> None:
        reader = DriftReader(self._facts, self._settings)
        self._left = deque(reader.pairs(self._clock.now()))
        self._reader = reader
        self._next = self._clock.monotonic() + ROUND_SECONDS
        known = {_key(pair) for pair in self._left}
        self.drifts = {key: drift for key, drift in self.drifts.items() if key in known}


def _key(pair: Pair) -> tuple[str, str]:
    return pair.bundle_sha256, pair.scanner
