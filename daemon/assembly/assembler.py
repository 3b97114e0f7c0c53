"""Closes, skips and holds series: asks the decider about each that is due and does what it says.

What readers say about our results comes as series of documents; it is kept when such a series is decided on.

One series is one decision and one transaction; a decision that lost a race with a new image is dropped and taken
again at the next tick. A series that makes the decision fail never keeps the others waiting: it is tried again a few
times and then held for a person.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

import structlog

from hounsfield.daemon.assembly.decider import Decider
from hounsfield.daemon.assembly.decision import Close, Decision, Hold, Skip, Unchanged, Wait
from hounsfield.daemon.assembly.images import SeriesReader
from hounsfield.daemon.assembly.quiet import Quiet, QuietWatch
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.feedback.collector import FeedbackCollector
from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.records import SeriesRecord
from hounsfield.storage.states import Reason

log = structlog.get_logger("hounsfield.assembler")

MOST_FAILURES = 3
"""Decisions on a series that may fail, for whatever reason, before it is held."""
FAILURE_PAUSE = 5.0
"""Seconds until a failed decision is taken again, times the failures so far."""

REOPEN_SECONDS = 2.0
"""How often it is looked for series in whose favour others were skipped and that could not be analysed."""


class Assembler:
    """Acts on each quiet series. ``tick`` may run any number of times."""

    def __init__(
        self,
        *,
        series: SeriesStore,
        reader: SeriesReader,
        decider: Decider,
        feedback: FeedbackCollector,
        earliest: float,
        max_age: float,
        hasher: UidHasher,
        clock: Clock,
    ) -> None:
        """``earliest`` is the shortest quiet period of any rule, ``max_age`` the lowest age, both in seconds."""
        self._series = series
        self._reader = reader
        self._decider = decider
        self._feedback = feedback
        self._earliest = earliest
        self._max_age = max_age
        self._hasher = hasher
        self._clock = clock
        self._watch = QuietWatch(clock)
        self._waiting: dict[int, tuple[int, float]] = {}  # (version seen, look again at this monotonic time)
        self._failures: dict[int, int] = {}
        self._reopened = clock.monotonic()

    def tick(self) -> int:
        """Decide on every series that is due; return how many changed state."""
        self._reopen()
        receiving = self._series.receiving()
        standing = self._watch.look(receiving)
        due = [series for series in receiving if self._is_due(standing[series.id]) and not self._is_waiting(series)]
        return sum(self._decide(series, standing) for series in due)

    def _reopen(self) -> None:
        """Now and then, give another chance to series that were passed over for one that was not analysed."""
        now = self._clock.monotonic()
        if now - self._reopened >= REOPEN_SECONDS:
            self._reopened = now
            self._series.reopen_passed_over(self._clock.now())

    def _is_due(self, standing: Quiet) -> bool:
        return standing.quiet >= self._earliest or standing.age >= self._max_age

    def _is_waiting(self, series: SeriesRecord) -> bool:
        version, until = self._waiting.get(series.id, (-1, 0.0))
        if version == series.version and self._clock.monotonic() < until:
            return True
        self._waiting.pop(series.id, None)
        return False

    def _decide(self, series: SeriesRecord, standings: Mapping[int, Quiet]) -> bool:
        with structlog.contextvars.bound_contextvars(series=self._hasher(series.series_uid)):
            return self._try(series, standings)

    def _try(self, series: SeriesRecord, standings: Mapping[int, Quiet]) -> bool:
        now = self._clock.now()
        try:
            decision = self._decider.decide(series, standings)
            if not isinstance(decision, Wait):
                # before the series is decided on: what is cut off in between is done again
                self._feedback.collect(self._reader.read(series).companions)
            changed = self._do(series, decision, now)
        except DatabaseUnavailable:
            raise  # nothing is wrong with the series
        except Exception as error:
            log.exception("no decision on a series", error=type(error).__name__)
            return self._failed(series, now)
        self._failures.pop(series.id, None)
        if changed:
            self._watch.forget(series.id)
            self._reader.forget(series.id)
        return changed

    def _failed(self, series: SeriesRecord, now: datetime) -> bool:
        failures = self._failures.get(series.id, 0) + 1
        if failures < MOST_FAILURES:
            self._failures[series.id] = failures
            self._wait(series, failures * FAILURE_PAUSE)
            return False
        self._failures.pop(series.id, None)
        return self._hold(series, Hold(reason=Reason.INTERNAL), now)

    def _wait(self, series: SeriesRecord, seconds: float) -> None:
        self._waiting[series.id] = (series.version, self._clock.monotonic() + seconds)

    def _do(self, series: SeriesRecord, decision: Decision, now: datetime) -> bool:
        match decision:
            case Wait():
                self._wait(series, decision.seconds)
                return False
            case Skip():
                return self._series.skip(series, decision.reason, now, remarks=decision.remarks, rule=decision.rule)
            case Hold():
                return self._hold(series, decision, now)
            case Unchanged():
                return self._series.close_unchanged(series, decision.variants, now)
            case Close():
                return self._series.close(
                    series,
                    decision.snapshot,
                    decision.verdict,
                    decision.requests,
                    now,
                    variants=decision.variants,
                    rule=decision.rule,
                )
            case _:
                assert_never(decision)

    def _hold(self, series: SeriesRecord, decision: Hold, now: datetime) -> bool:
        held = self._series.hold(series, decision.reason, now, decision.remarks, rule=decision.rule)
        if held:
            log.warning("series held", reason=str(decision.reason))
        return held
