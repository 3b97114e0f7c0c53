"""A bundle that no longer sees, or answers, what it used to on a scanner."""

from collections import deque
from datetime import datetime

from hounsfield.daemon.alarms.words import subject
from hounsfield.daemon.config.drift import DriftSettings
from hounsfield.daemon.drift.comparison import Drift, Level, Movement
from hounsfield.daemon.drift.current import ROUND_SECONDS, DriftReader
from hounsfield.storage.alarms import Alarm, AlarmKind, AlarmStore, Condition
from hounsfield.storage.analysis_facts import AnalysisFactStore, Pair
from hounsfield.storage.errors import StorageError


class DriftProbe:
    """Judges one pair each time it is asked, so that nobody waits for it, and answers when it has seen all of them.

    An alarm begins with :attr:`Level.ALARM` and ends when the pair is stable again, or is no longer judged: a pair at
    the border would otherwise raise one after the other. What is open is read from the store, for a restart must not
    end it either.
    """

    kinds = (AlarmKind.DRIFT,)
    seconds = ROUND_SECONDS

    def __init__(self, facts: AnalysisFactStore, settings: DriftSettings, alarms: AlarmStore) -> None:
        self._facts = facts
        self._settings = settings
        self._alarms = alarms
        self._round: _Round | None = None

    def conditions(self, now: datetime) -> list[Condition] | None:
        """Judge the next pair; None until the last one is judged. Raise StorageError: the round goes on next time."""
        if self._round is None:
            reader = DriftReader(self._facts, self._settings)
            is_open = {one.subject: one for one in self._alarms.open() if one.kind is AlarmKind.DRIFT}
            self._round = _Round(reader, reader.pairs(now), is_open)
        if not self._round.is_over:
            self._round.judge_next()
        if not self._round.is_over:
            return None
        found, self._round = self._round.found, None
        return found


class _Round:
    """One look at every pair."""

    def __init__(self, reader: DriftReader, pairs: list[Pair], is_open: dict[str, Alarm]) -> None:
        self._reader = reader
        self._left = deque(pairs)
        self._open = is_open
        self.found: list[Condition] = []

    @property
    def is_over(self) -> bool:
        return not self._left

    def judge_next(self) -> None:
        pair = self._left.popleft()  # before it is read: one that cannot be does not keep the others waiting
        before = self._open.get(_subject(pair))
        try:
            drift = self._reader.drift(pair)
        except StorageError:
            self._keep(before)
            raise
        if drift.level is Level.ALARM:
            self.found.append(_condition(drift))
        elif drift.level is Level.WATCH:
            self._keep(before)

    def _keep(self, before: Alarm | None) -> None:
        if before is not None:
            self.found.append(Condition(kind=before.kind, subject=before.subject, detail=before.detail))


def _subject(pair: Pair) -> str:
    return subject(f"{pair.bundle} {pair.bundle_version} on {pair.scanner}")


def _condition(drift: Drift) -> Condition:
    """Names of numbers and how far they moved, nothing of a patient."""
    pair = drift.pair
    names = {"bundle": pair.bundle, "version": pair.bundle_version, "scanner": pair.scanner}
    moved = {**_moved("score", drift.score), **_moved("input", drift.input)}
    return Condition(kind=AlarmKind.DRIFT, subject=_subject(pair), detail={**names, **moved})


def _moved(what: str, movement: Movement | None) -> dict[str, object]:
    if movement is None:
        return {}
    return {what: movement.name, f"{what}_psi": round(movement.shift.psi, 2)}
