"""The circuit breaker of one destination: while it is out of reach it is tested, and nothing is sent.

Its state lies in the database, for people and for other processes that serve the destination.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.delivery.retry import REASONS
from hounsfield.storage.destination_state import DestinationState, DestinationStateStore
from hounsfield.storage.ports import JobStore

BROKEN_OFF_IN_A_ROW = 3
"""So many associations that ended half-way, and none between that went well, count as out of reach."""
NOTE_EVERY = timedelta(seconds=30)
"""How often an answer is written down while all is well."""
_OUT_OF_REACH = (Failure.UNREACHABLE, Failure.BUSY, Failure.REJECTED)

log = structlog.get_logger("hounsfield.breaker")


class Circuit(Protocol):
    """Says whether a destination may be called now, and learns from how it went."""

    def may_send(self) -> bool:
        """Whether it may be called."""

    def note(self, failure: Failure | None) -> None:
        """Take note of how an association with the destination went; None: it answered for everything."""


class SteadyCircuit:
    """For a destination that is many: one sender that is away says nothing of the others."""

    def may_send(self) -> bool:
        """Say yes."""
        return True

    def note(self, failure: Failure | None) -> None:
        """Learn nothing: each job waits for its own sender."""


class Breaker:
    """Decides whether a destination may be called now; used by one thread."""

    def __init__(
        self,
        *,
        name: str,
        probe: Callable[[], Failure | None],
        probe_seconds: float,
        states: DestinationStateStore,
        jobs: JobStore,
        clock: Clock,
        random_source: random.Random,
    ) -> None:
        self._name = name
        self._probe = probe
        self._probe_seconds = probe_seconds
        self._states = states
        self._jobs = jobs
        self._clock = clock
        self._random = random_source
        self._broken_off = 0
        self._noted_at: datetime | None = None

    def may_send(self) -> bool:
        """Whether the circuit is closed; where it is open and a test is due, test first (C-ECHO)."""
        state = self._states.get(self._name)
        if state is None or not state.is_open:
            return True
        now = self._clock.now()
        due = state.probe_at or now
        if now < due or not self._states.take_probe(self._name, due, self._next_probe(now)):
            return False
        failure = self._probe()
        if failure is None or failure is Failure.NOT_ACCEPTED:  # it takes associations, though no C-ECHO
            self._close(state)
            return True
        now = self._clock.now()
        self._states.put(
            replace(state, reason=REASONS[failure], failures=state.failures + 1, probe_at=self._next_probe(now))
        )
        return False

    def note(self, failure: Failure | None) -> None:
        """Take note of how an association with the destination went; None: it answered for everything."""
        if failure is Failure.BROKEN_OFF:
            self._broken_off += 1
            if self._broken_off >= BROKEN_OFF_IN_A_ROW:
                self._open(failure)
        elif failure in _OUT_OF_REACH:
            self._open(failure)
        else:
            self._broken_off = 0
            self._note_answer()

    def _open(self, failure: Failure) -> None:
        now, before = self._clock.now(), self._states.get(self._name)
        log.warning("destination is out of reach", destination=self._name, reason=str(REASONS[failure]))
        self._states.put(
            DestinationState(
                name=self._name,
                is_open=True,
                since=now,
                reason=REASONS[failure],
                # What broke off tells nothing about the next job: those that wait keep their time, unless a test fails.
                failures=0 if failure is Failure.BROKEN_OFF else 1,
                probe_at=self._next_probe(now),
                answered_at=None if before is None else before.answered_at,
            )
        )

    def _close(self, state: DestinationState) -> None:
        now = self._clock.now()
        self._broken_off = 0
        self._states.put(DestinationState(name=self._name, is_open=False, since=now, answered_at=now))
        woken = self._jobs.wake_deliveries(self._name, now) if state.failures else 0
        log.info("destination answers again", destination=self._name, jobs=woken)

    def _note_answer(self) -> None:
        now = self._clock.now()
        if self._noted_at is not None and now - self._noted_at < NOTE_EVERY:
            return
        self._noted_at = now
        state = self._states.get(self._name)
        if state is None or state.is_open:
            state = DestinationState(name=self._name, is_open=False, since=now)
        self._states.put(replace(state, answered_at=now))

    def _next_probe(self, now: datetime) -> datetime:
        """A fifth more or less, so that many daemons do not meet a PACS at its restart all at once."""
        return now + timedelta(seconds=self._probe_seconds * self._random.uniform(0.8, 1.2))
