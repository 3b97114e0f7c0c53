"""Asks the probes in turn, and tells once of what begins and once of what ends."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from hounsfield.daemon.alarms.probes import Probe
from hounsfield.daemon.alarms.words import BEGINS, DO, ENDS, facts
from hounsfield.daemon.clock import Clock
from hounsfield.storage.alarms import Alarm, AlarmStore, Condition
from hounsfield.storage.operations import Action, Operation, OperationLog

log = structlog.get_logger("hounsfield.alarms")

COMPLAIN_SECONDS = 3600.0
"""How often it is told that a probe fails."""
LONGEST_PAUSE_SECONDS = 60.0
"""How long after a failure a probe is asked again, at most."""


@dataclass(slots=True)
class _Turn:
    probe: Probe
    due: float
    silent_until: float
    """When the next failure is told. Both are monotonic seconds."""


class AlarmWatch:
    """``tick`` may run any number of times; each asks one probe at most, so that the work beside it does not wait."""

    def __init__(
        self, probes: Sequence[Probe], alarms: AlarmStore, operations: OperationLog, clock: Clock, origin: str
    ) -> None:
        """``origin`` is the process that looks, for the event log."""
        self._alarms = alarms
        self._operations = operations
        self._clock = clock
        self._origin = origin
        started = clock.monotonic()
        self._turns = deque(_Turn(probe, started, started) for probe in probes)

    def tick(self) -> None:
        """Ask the next probe whose time has come. Raises nothing that a probe or the database raises."""
        now = self._clock.monotonic()
        for _ in range(len(self._turns)):
            turn = self._turns[0]
            self._turns.rotate(-1)
            if turn.due <= now:
                self._ask(turn, now)
                return

    def _ask(self, turn: _Turn, now: float) -> None:
        probe = turn.probe
        turn.due = now + min(probe.seconds, LONGEST_PAUSE_SECONDS)
        try:
            turn.due = now + (probe.seconds if self._look(probe) else 0.0)
        except Exception as error:  # whatever a probe raises: the others, and the work, go on
            if now >= turn.silent_until:
                turn.silent_until = now + COMPLAIN_SECONDS
                kinds = ", ".join(probe.kinds)
                log.error("alarms cannot be looked for", kinds=kinds, error=type(error).__name__, exc_info=error)

    def _look(self, probe: Probe) -> bool:
        """Whether the probe knew what is wrong."""
        now = self._clock.now()  # before it looks: what comes meanwhile comes after an alarm that ends now
        found = probe.conditions(now)
        if found is None:
            return False
        begun, ended = self._alarms.set(probe.kinds, [_with_remedy(one) for one in found], now)
        for alarm in begun:
            log.warning(f"ALARM: {BEGINS[alarm.kind]}", **_line(alarm))
        for alarm in ended:
            log.info(ENDS[alarm.kind], **_line(alarm))
        for alarm in begun:
            self._note(Action.ALARM_BEGAN, alarm)
        for alarm in ended:
            self._note(Action.ALARM_ENDED, alarm)
        return True

    def _note(self, action: Action, alarm: Alarm) -> None:
        at = alarm.ended_at or alarm.began_at
        self._operations.note(Operation(at=at, action=action, origin=self._origin, detail=_line(alarm)))


def _with_remedy(condition: Condition) -> Condition:
    return replace(condition, detail={"do": DO[condition.kind], **condition.detail})


def _line(alarm: Alarm) -> dict[str, object]:
    """What log and event log say of it."""
    told: dict[str, object] = {"alarm": str(alarm.kind), "number": alarm.id}
    if alarm.subject:
        told["subject"] = alarm.subject
    return {**facts(alarm), **told}
