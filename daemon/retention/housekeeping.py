"""What the assembler does about old things between its other work: a little, once a minute."""

from collections.abc import Iterator
from itertools import islice

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.retention.purger import Purger, Rule, Tally
from hounsfield.daemon.retention.unmatched import LONGEST_SECONDS, PAUSE_SECONDS, Unmatched
from hounsfield.storage.operations import Action, Operation, OperationLog
from hounsfield.storage.results import ResultFiles

log = structlog.get_logger("hounsfield.retention")

_FILES_AT_ONCE = 500


class Housekeeping:
    """``tick`` may run any number of times; it does something once a minute, for two seconds at most."""

    def __init__(
        self,
        *,
        unmatched: Unmatched,
        purger: Purger,
        files: ResultFiles,
        operations: OperationLog,
        enabled: bool,
        clock: Clock,
    ) -> None:
        self._unmatched = unmatched
        self._purger = purger
        self._operations = operations
        self._enabled = enabled
        self._clock = clock
        self._next = clock.monotonic()
        self._behind = dict.fromkeys(Rule, 0)
        self._leftovers: Iterator[str] | None = files.uids()

    def tick(self) -> int:
        """Remove what is due; return of how many series. Raise StorageError: it is tried again in a minute."""
        removed = self._unmatched.tick()
        began = self._clock.monotonic()
        if not self._enabled or began < self._next:
            return removed
        self._next = began + PAUSE_SECONDS

        def is_over() -> bool:
            return self._clock.monotonic() - began >= LONGEST_SECONDS

        self._sweep()
        for rule in Rule:
            if is_over():
                break
            tally, self._behind[rule] = self._purger.carry_out(rule, after_id=self._behind[rule], stop=is_over)
            if tally.series:
                note_purge(self._operations, rule, tally, self._clock, origin="assembler")
                log.info("what has had its time was removed", rule=rule.value, **counts(rule, tally))
            removed += tally.series
        return removed

    def _sweep(self) -> None:
        """Once after the start, some at a time: result files that a crash has left behind their rows."""
        if self._leftovers is None:
            return
        uids = tuple(islice(self._leftovers, _FILES_AT_ONCE))
        if not uids:
            self._leftovers = None
        self._purger.remove_files(uids)


def note_purge(
    operations: OperationLog, rule: Rule, tally: Tally, clock: Clock, *, origin: str, person: str = ""
) -> None:
    """Write what went to the event log. No UIDs."""
    action = Action.ARCHIVED if rule is Rule.JOBS else Action.PURGED
    detail: dict[str, object] = {"rule": rule.value, **counts(rule, tally)}
    operations.note(Operation(at=clock.now(), action=action, person=person, origin=origin, detail=detail))


def counts(rule: Rule, tally: Tally) -> dict[str, int]:
    """Return how much went, for logs."""
    return {
        "series": tally.series,
        "rows" if rule is Rule.JOBS else "files": tally.files,
        "bytes": tally.bytes,
    }
